import { type FormPart, formBody, graphqlForm, testBoundary } from '../../support/raw-http.js';
import { type SeededRandom, seededRandom } from '../../support/seeded-random.js';

const paths = [
  'variables.a',
  'variables.b.0',
  'variables.b.1',
  'variables.__proto__.x',
  'variables.constructor.prototype.x',
  'variables.hasOwnProperty.call',
  'variables.b.length',
  'query',
  '',
] as const;

const fragments = [
  `\r\n--${testBoundary}`,
  `--${testBoundary}--`,
  `\r\n--${testBoundary}\r\n`,
  '\r\n\r\n',
  '\r\n',
  '\r',
  '\0',
  '"',
  'Content-Disposition: form-data; name="map"\r\n\r\n',
  'Content-Disposition: form-data; name=0; filename=a\r\n\r\n',
  "; filename*=utf-8''%ff%00",
  '__proto__',
  'operations',
  '{"0":["variables.a"]}',
  '[',
  '\ud83d\ude00',
] as const;

/** Makes bodies of GraphQL multipart requests with something wrong in most of them; the same ones for the same seed. */
export class FormMutator {
  readonly #random: SeededRandom;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  next(): Buffer {
    const parts = this.#times(2, (form: FormPart[]) => this.#mutateParts(form), this.#validForm());
    return this.#times(4, (body: Buffer) => this.#mutateBytes(body), formBody(parts));
  }

  /** Cuts bytes into one to three pieces. */
  cut(bytes: Buffer): Buffer[] {
    const cuts = Array.from({ length: this.#below(3) }, () => this.#below(bytes.length)).sort(
      (a, b) => a - b,
    );
    return [...cuts, bytes.length].map((end, index) => bytes.subarray(cuts[index - 1] ?? 0, end));
  }

  #below(bound: number): number {
    return Math.floor(this.#random.next() * bound);
  }

  #pick<V>(choices: readonly [V, ...V[]]): V {
    return choices[this.#below(choices.length)] ?? choices[0];
  }

  #times<V>(below: number, change: (value: V) => V, start: V): V {
    return Array.from({ length: this.#below(below) }).reduce<V>(change, start);
  }

  #validForm(): FormPart[] {
    const files = Array.from({ length: this.#below(4) }, () => {
      const size = this.#below(this.#below(10) === 0 ? 200_000 : 300);
      return { content: Buffer.alloc(size, this.#pick(['\r', '-', 'x'])) };
    });
    const map = files.map((_, index) => [
      index,
      [this.#below(8) === 0 ? this.#pick(paths) : paths[index % 3]],
    ]);
    return graphqlForm(
      { query: 'q', variables: { a: null, b: [null, null] } },
      Object.fromEntries(map),
      files,
    );
  }

  #mutateParts(parts: FormPart[]): FormPart[] {
    const at = this.#below(parts.length);
    const other = this.#below(parts.length);
    const part = parts[at] ?? { content: '' };
    return this.#pick<() => FormPart[]>([
      () => parts.toSpliced(at, 1),
      () => parts.toSpliced(other, 0, part),
      () => parts.with(at, parts[other] ?? part).with(other, part),
      () => parts.with(at, { ...part, name: this.#pick(['operations', 'map', '0', '__proto__', '']) }),
      () => parts.with(at, { ...part, headers: this.#pick(fragments) }),
    ])();
  }

  #mutateBytes(body: Buffer): Buffer {
    const at = this.#below(body.length + 1);
    const length = this.#below(40);
    const [head, tail] = [body.subarray(0, at), body.subarray(at)];
    return this.#pick([
      () => Buffer.concat([head, Buffer.from(this.#pick(fragments)), tail]),
      () => Buffer.concat([head, tail.subarray(length)]),
      () => Buffer.concat([head, tail.subarray(0, length), tail]),
      () => Buffer.concat([head, Buffer.from([this.#below(256)]), tail.subarray(1)]),
      () => head,
    ])();
  }
}
