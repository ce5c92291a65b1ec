/*
 * The runner knows no time limits, and waits for whatever a test has left open. So a test, or what is done before or after it,
 * fails that takes longer than it says, or than a minute; and the process ends with the run.
 */

const defaultLimitMs = 60_000;

type Body = (...words: unknown[]) => unknown;
type Register = (name: string, body: Body, limitMs?: number) => void;
type Each = (...table: unknown[]) => Register;
type Hook = (body: Body, limitMs?: number) => void;

/** Takes words itself, so that nobody believes `body` to wait for a callback. */
function within(body: Body, limitMs = defaultLimitMs): Body {
  return async (...words) => {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`It took longer than ${limitMs} ms.`)), limitMs);
    });
    try {
      await Promise.race([body(...words), late]);
    } finally {
      clearTimeout(timer);
    }
  };
}

const limited =
  (register: Register): Register =>
  (name, body, limitMs) =>
    register(name, within(body, limitMs));

const limitedEach =
  (each: Each): Each =>
  (...table) =>
    limited(each(...table));

const limitedHook =
  (hook: Hook): Hook =>
  (body, limitMs) =>
    hook(within(body, limitMs));

const ownTest = globalThis.test as unknown as Register & { each: Each; only: Register; skip: Register };
const { beforeAll, beforeEach, afterAll, afterEach } = globalThis as unknown as Record<string, Hook>;

const test = Object.assign(limited(ownTest), {
  each: limitedEach(ownTest.each),
  only: limited(ownTest.only),
  skip: ownTest.skip,
});

Object.assign(globalThis, {
  test,
  it: test,
  ...Object.fromEntries(
    Object.entries({ beforeAll, beforeEach, afterAll, afterEach }).map(([name, hook]) => [
      name,
      limitedHook(hook as Hook),
    ]),
  ),
});

process.on('disconnect', () => process.exit());
