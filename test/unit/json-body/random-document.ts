import type { SeededRandom } from '../../support/seeded-random.js';

const fragments = [
  'a',
  'Zz9',
  ' ',
  '"',
  '\\',
  '\\\\"',
  '/',
  '\n',
  '\u0000',
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  'é',
  '€',
  '😀',
  '\ud800',
  '__proto__',
];

/** Writes random JSON: any nesting, blanks and escapes, and base64 of random bytes in some places. */
export class RandomDocument {
  readonly #random: SeededRandom;
  /** How many strings have more than `threshold` bytes between their quotes. */
  longTexts = 0;

  constructor(
    random: SeededRandom,
    readonly threshold: number,
  ) {
    this.#random = random;
  }

  /** A GraphQL request, whose variables alone have long strings. */
  request(): string {
    const members = [
      `"query":${this.#shortString()}`,
      `"variables":${this.#object(4)}`,
      `"extensions":${this.#pick(['null', '{}', '[[],[{"a":[]}]]', '"\\u0022{["'])}`,
    ];
    if (this.#chance(0.5)) members.reverse();
    return `${this.#blank()}{${members.join(`${this.#blank()},`)}}${this.#blank()}`;
  }

  #value(depth: number): string {
    const kind = this.#random.integer(0, depth > 0 ? 7 : 4);
    if (kind === 0) return this.#pick(['null', 'true', 'false', '0', '-1.5e+3', '1234567890123456']);
    if (kind <= 2) return this.#longString();
    if (kind <= 4) return this.#shortString();
    return kind === 5 ? this.#array(depth - 1) : this.#object(depth - 1);
  }

  #array(depth: number): string {
    const items = Array.from(
      { length: this.#random.integer(0, 4) },
      () => this.#blank() + this.#value(depth),
    );
    return `[${items.join(',')}${this.#blank()}]`;
  }

  #object(depth: number): string {
    const members = Array.from({ length: this.#random.integer(0, 4) }, (_, index) => {
      const key = this.#chance(0.2) ? this.#shortString() : `"${index}${this.#shortString().slice(1)}`;
      return `${this.#blank()}${key}${this.#blank()}:${this.#blank()}${this.#value(depth)}`;
    });
    return `{${members.join(',')}${this.#blank()}}`;
  }

  #longString(): string {
    const bytes = Buffer.from(
      Array.from({ length: this.#random.integer(0, this.threshold * 3) }, () => this.#random.integer(0, 255)),
    );
    const text = bytes.toString(this.#pick(['base64', 'base64url'] as const));
    const inner = this.#escape(text, this.#pick([0, 0, 0.02, 1]), this.#chance(0.5));
    if (inner.length > this.threshold) this.longTexts += 1;
    return `"${inner}"`;
  }

  /** At most `threshold` bytes, and room for one more. */
  #shortString(): string {
    let text = '';
    for (;;) {
      const fragment = this.#pick(fragments);
      const longer = text + this.#escapeStrange(fragment);
      if (Buffer.byteLength(longer) >= this.threshold || this.#chance(0.15)) return `"${text}"`;
      text = longer;
    }
  }

  #escape(text: string, share: number, escapesSlashes: boolean): string {
    return Array.from(text, (character) => {
      if (share > 0 && this.#chance(share)) return unicodeEscape(character);
      return escapesSlashes && character === '/' ? '\\/' : character;
    }).join('');
  }

  #escapeStrange(fragment: string): string {
    if (this.#chance(0.3))
      return Array.from({ length: fragment.length }, (_, at) => unicodeEscape(fragment.charAt(at))).join('');
    return JSON.stringify(fragment).slice(1, -1);
  }

  #blank(): string {
    return this.#chance(0.2) ? this.#pick([' ', '\n', '\t', '\r\n  ']) : '';
  }

  #chance(share: number): boolean {
    return this.#random.next() < share;
  }

  #pick<T>(choices: readonly T[]): T {
    return choices[this.#random.integer(0, choices.length - 1)] as T;
  }
}

function unicodeEscape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
