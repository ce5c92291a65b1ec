import type { SeededRandom } from '../../support/seeded-random.js';

const names = [
  'a.txt',
  'data.bin',
  'Bericht 2026 – größer.pdf',
  '文件 📎.png',
  'x'.repeat(260),
  '../../etc/passwd',
  'C:\\fakepath\\a.txt',
  'CON.txt',
  'a\u202etxt.exe',
  'a\0b',
  '\ud800.txt',
  '.',
  '',
  'a.svg',
  '__proto__',
];
const types = [
  'text/plain',
  'image/png',
  'application/pdf',
  'application/octet-stream',
  'a/b; c=d',
  'nonsense',
  '',
];
const policies = ['default', 'calendar', 'unknown', '__proto__', 'constructor'];
const texts = [
  'A **bold** claim',
  '<script>alert(1)</script>',
  '\0\ud800\u2028',
  '[x](javascript:alert(1))',
  'y'.repeat(10_001),
];
const strange: readonly unknown[] = [
  null,
  true,
  -1,
  2 ** 53,
  1e308,
  '',
  [],
  {},
  [[[[]]]],
  'x'.repeat(300_000),
  '\ud800',
  '__proto__',
  { toString: 'x', constructor: { prototype: {} } },
];

/** Makes inputs that a client could mean, and some that none can; the same ones for the same seed. */
export class RandomInput {
  readonly #random: SeededRandom;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  below(bound: number): number {
    return this.#random.integer(0, bound - 1);
  }

  /** True once in so many times. */
  once(inTimes: number): boolean {
    return this.below(inTimes) === 0;
  }

  pick<V>(choices: readonly V[]): V {
    const choice = choices[this.below(choices.length)];
    if (choice === undefined) throw new RangeError('There is nothing to choose from.');
    return choice;
  }

  /** Content of one byte over and over, or of bytes that say nothing. */
  content(size: number): Buffer {
    const filler = this.pick([
      '\0',
      '\r\n',
      '--',
      'text ',
      '\x89PNG\r\n\x1a\n',
      '%PDF-1.7\n',
      '<svg ',
      '\xff',
    ]);
    return Buffer.alloc(size, filler, 'latin1');
  }

  /** Mostly small; sometimes so large that it is no short text any more, or exceeds MAX_FILE_SIZE. */
  size(largest: number): number {
    return this.below(this.once(12) ? largest : 2_000);
  }

  name(): string {
    return this.pick(names);
  }

  type(): string {
    return this.pick(types);
  }

  /** All members of CreateAttachmentInput but its content. */
  creation(): Record<string, unknown> {
    return this.#some({
      fileName: this.name(),
      contentType: this.type(),
      description: this.pick(texts),
      metadata: { type: this.pick(['AR', '']), attributes: { nested: { list: [1, this.pick(texts)] } } },
      record: { type: this.pick(['T', 'Event', '\t']), id: String(this.below(5)) },
      field: this.pick(['attachments', 'files', '']),
      policy: this.pick(policies),
      digest: { algorithm: this.pick(['MD5', 'SHA256']), hash: '0'.repeat(this.pick([32, 64])) },
      idempotencyKey: `key-${this.below(20)}`,
    });
  }

  /** The value, one member of it, however deep, made something else. */
  corrupt(value: unknown): unknown {
    if (typeof value !== 'object' || value === null || this.once(4)) return this.pick(strange);
    const keys = Object.keys(value);
    const key = keys.length === 0 || this.once(10) ? this.pick(['__proto__', 'extra', '0']) : this.pick(keys);
    const copy: unknown[] | Record<string, unknown> = Array.isArray(value) ? [...value] : { ...value };
    const member = (copy as Record<string, unknown>)[key];
    Object.defineProperty(copy, key, {
      value: this.corrupt(member),
      enumerable: true,
      configurable: true,
      writable: true,
    });
    return copy;
  }

  /** The bytes with one thing wrong somewhere. */
  damage(bytes: Buffer, fragments: readonly string[]): Buffer {
    const at = this.below(bytes.length + 1);
    const length = this.below(40);
    const [head, tail] = [bytes.subarray(0, at), bytes.subarray(at)];
    return this.pick([
      () => Buffer.concat([head, Buffer.from(this.pick(fragments)), tail]),
      () => Buffer.concat([head, tail.subarray(length)]),
      () => Buffer.concat([head, tail.subarray(0, length), tail]),
      () => Buffer.concat([head, Buffer.from([this.below(256)]), tail.subarray(1)]),
      () => head,
    ])();
  }

  /** A few of the members. */
  #some(members: Record<string, unknown>): Record<string, unknown> {
    return Object.fromEntries(Object.entries(members).filter(() => this.once(5)));
  }
}
