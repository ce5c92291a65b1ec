import { bodyFault } from './body-fault.js';
import { parseJson } from './parse-json.js';

/** An object or array that has been opened. */
interface Container {
  readonly isObject: boolean;
  /** In an object: whether the next string is a key. */
  awaitsKey: boolean;
  /** In an object: where the last key is, quotes included. */
  keyStart: number;
  keyEnd: number;
  /** In an array. */
  index: number;
}

/** Knows, while JSON text is looked through, what lies within what. Of text that is no JSON it knows something or other. */
export class Nesting {
  readonly #maxDepth: number;
  readonly #containers: Container[] = [];

  constructor(maxDepth: number) {
    this.#maxDepth = maxDepth;
  }

  /** Whether a string that begins here is a key. */
  get awaitsKey(): boolean {
    return this.#containers.at(-1)?.awaitsKey ?? false;
  }

  open(isObject: boolean): void {
    if (this.#containers.length === this.#maxDepth) throw tooDeep(this.#maxDepth);
    this.#containers.push({ isObject, awaitsKey: isObject, keyStart: 0, keyEnd: 0, index: 0 });
  }

  close(): void {
    this.#containers.pop();
  }

  comma(): void {
    const container = this.#containers.at(-1);
    if (container === undefined) return;
    container.awaitsKey = container.isObject;
    container.index += 1;
  }

  /** Notes a string by its quotes. */
  string(start: number, end: number): void {
    const container = this.#containers.at(-1);
    if (container === undefined || !container.awaitsKey) return;
    container.awaitsKey = false;
    container.keyStart = start;
    container.keyEnd = end + 1;
  }

  /** The place of the string that begins here, in the value that `bytes` are the text of. */
  path(bytes: Buffer): (string | number)[] {
    return this.#containers.map(({ isObject, keyStart, keyEnd, index }) =>
      isObject ? String(parseJson(bytes.subarray(keyStart, keyEnd))) : index,
    );
  }
}

function tooDeep(limit: number) {
  return bodyFault('json_too_deep', `The body is nested deeper than ${limit} levels.`, { limit });
}
