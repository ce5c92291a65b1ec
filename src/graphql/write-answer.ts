import type { TurnKey, Turns } from '../limits/turns.js';

/** Characters that are written in one go. */
const pieceLength = 64 * 1024;

interface Frame {
  source: Readonly<Record<string, unknown>>;
  /** Names of its members; indexes of a list. */
  keys: readonly string[];
  isList: boolean;
  next: number;
}

/** A value as JSON, as `JSON.stringify` writes it, but piece by piece. Values must be plain: nothing has a `toJSON`. */
class JsonWriter {
  readonly #frames: Frame[] = [];
  #text = '';

  constructor(value: unknown) {
    this.#open(value);
  }

  /** The next piece; null at the end. */
  next(): string | null {
    while (this.#text.length < pieceLength) {
      const frame = this.#frames.at(-1);
      if (!frame) break;
      this.#advance(frame);
    }
    const piece = this.#text;
    this.#text = '';
    return piece === '' ? null : piece;
  }

  #advance(frame: Frame): void {
    const key = frame.keys[frame.next];
    if (key === undefined) {
      this.#text += frame.isList ? ']' : '}';
      this.#frames.pop();
      return;
    }
    if (frame.next > 0) this.#text += ',';
    frame.next += 1;
    if (!frame.isList) this.#text += `${JSON.stringify(key)}:`;
    this.#open(frame.source[key]);
  }

  #open(value: unknown): void {
    if (!isObject(value) || !Object.values(value).some(isObject)) {
      this.#text += JSON.stringify(value) ?? 'null';
      return;
    }
    const isList = Array.isArray(value);
    const keys = Object.keys(value).filter((key) => isList || value[key] !== undefined);
    this.#frames.push({ source: value, keys, isList, next: 0 });
    this.#text += isList ? '[' : '{';
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

/**
 * An answer as JSON in UTF-8, in pieces, made in turns. Null as soon as there are more than `maxBytes`.
 */
export async function writeAnswer(
  answer: unknown,
  turns: Turns,
  { key, maxBytes }: { key: TurnKey; maxBytes: number },
): Promise<Buffer[] | null> {
  const writer = new JsonWriter(answer);
  const pieces: Buffer[] = [];
  let size = 0;
  for (let text = writer.next(); text !== null; text = writer.next()) {
    const piece = Buffer.from(text);
    size += piece.length;
    if (size > maxBytes) return null;
    pieces.push(piece);
    await turns.next(key);
  }
  return pieces;
}
