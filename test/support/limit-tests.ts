/*
 * The runner knows no time limits, and waits for whatever a test has left open. So a test, or what is done before or after it,
 * fails that takes longer than it says, or than two minutes; and the process ends with the run. Kinds of tests that the runner does
 * not know are made of those it knows.
 */

const defaultLimitMs = 120_000;

/** A longer one would end at once. */
const longestTimer = 2 ** 31 - 1;

/** Tests at random, by kills and in races may take as much longer as they are repeated more often. */
const stretch = Math.max(1, Number(process.env['ROUNDS'] ?? 1));

type Body = (...words: unknown[]) => unknown;
type Register = (name: string, body: Body, limitMs?: number) => void;
type Each = (...table: unknown[]) => Register;
type Hook = (body: Body, limitMs?: number) => void;

/** Takes words itself, so that nobody believes `body` to wait for a callback. */
function within(body: Body, usualMs = defaultLimitMs): Body {
  const limitMs = Math.min(usualMs * stretch, longestTimer);
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

type OwnTest = Register & { each: Each; only: Register; skip: Register };
const ownTest = globalThis.test as unknown as OwnTest;
const { beforeAll, beforeEach, afterAll, afterEach } = globalThis as unknown as Record<string, Hook>;

/** The runner calls a test of these kinds as any other; so this turns the result of `failing` round and leaves out `todo`. */
const failing = (body: Body): Body =>
  async function expectFailure(...words) {
    const passed = await Promise.resolve(body(...words)).then(
      () => true,
      () => false,
    );
    if (passed) throw new Error('The test is marked as failing, and passes.');
  };

const registerFailing: Register = (name, body, limitMs) => ownTest(name, failing(within(body, limitMs)));
const failingEach: Each =
  (...table) =>
  (name, body, limitMs) =>
    ownTest.each(...table)(name, failing(within(body, limitMs)));

const test = Object.assign(limited(ownTest), {
  each: limitedEach(ownTest.each),
  only: Object.assign(limited(ownTest.only), { each: limitedEach((ownTest.only as OwnTest).each) }),
  skip: ownTest.skip,
  todo: (name: string) => ownTest.skip(name, () => {}),
  failing: Object.assign(registerFailing, { each: failingEach }),
  // One after another, as the runner does it.
  concurrent: Object.assign(limited(ownTest), { each: limitedEach(ownTest.each) }),
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

// Failures point at the lines of the TypeScript that they come from.
process.setSourceMapsEnabled(true);
