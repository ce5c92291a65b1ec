import { AttachmentError } from '../../errors.js';
import { bodyTooLarge } from './body-fault.js';
import { BodyReader, type BodySource, requestTooLarge } from './body-reader.js';
import type { JsonBodyLimits } from './json-body-limits.js';
import { type LongTextKind, LongTextReader } from './long-text-reader.js';
import { type LongTextStart, ShortText } from './short-text.js';

/** A long text on its way in. */
export interface LongTextSource {
  /** By its first characters; what follows is not checked yet. */
  kind: LongTextKind;
  /** Its place in the body: `['variables', 'input', 'content', 'base64']`. */
  path: (string | number)[];
  /**
   * Without quotes and escapes, in pieces of UTF-8; exact as far as it is ASCII, and bytes above 127 where it is not. To be
   * read to its end, once, or to be given up by throwing. Fails when the request does.
   */
  text: AsyncIterable<Uint8Array>;
}

/** Handlers of the long texts of a body. `T` is a text taken in. */
export interface JsonBodyHandlers<T> {
  /** Takes one text in as it arrives; called for one at a time, in the order of the wire. What it throws fails the request. */
  receive(source: LongTextSource): Promise<T>;
  /** Called for every text taken in when the request as a whole fails. */
  discard(taken: T): Promise<void>;
}

/** A long text that has been taken in. */
export interface LongText<T> {
  kind: LongTextKind;
  path: (string | number)[];
  taken: T;
}

export interface JsonBody<T> {
  /** As JSON.parse gives it, with a token in the place of each long text. */
  body: unknown;
  /** In the order of the wire. */
  taken: T[];
  /** By token. Tokens are made anew for every request; nobody can have written one into the body. */
  longTexts: ReadonlyMap<string, LongText<T>>;
}

/**
 * Reads a JSON body. Long strings among its variables never become part of the text that is parsed: each is handed on as
 * it arrives, and a token stands for it.
 *
 * On success the whole body has been read. On failure it rejects as soon as the fault is known, with everything taken in
 * so far discarded, and leaves the rest of the body unread (see `drainRequest`): REQUEST_TOO_LARGE or TOO_MANY_FILES with
 * their limit, BAD_USER_INPUT (types `json_invalid`, `json_too_deep`, `key_too_long`, `client_aborted`, and `timeout` for
 * a client that is too slow), or whatever `receive` threw.
 */
export async function readJsonBody<T>(
  request: BodySource,
  limits: JsonBodyLimits,
  handlers: JsonBodyHandlers<T>,
): Promise<JsonBody<T>> {
  checkDeclaredLength(request, limits.maxRequestSize);
  const reader = new BodyReader(request, limits);
  const longTexts = new Map<string, LongText<T>>();
  const listTaken = () => [...longTexts.values()].map(({ taken }) => taken);
  try {
    const text = new ShortText(limits);
    for (let chunk = await reader.next(); chunk !== null; chunk = await reader.next()) {
      text.append(chunk);
      for (let start = text.scan(); start !== null; start = text.scan()) {
        checkPlace(start, longTexts.size, limits);
        text.append(await receiveLongText(reader, start, handlers, longTexts));
      }
    }
    return { body: text.parse(), taken: listTaken(), longTexts };
  } catch (error) {
    reader.close();
    await Promise.allSettled(listTaken().map(async (taken) => handlers.discard(taken)));
    throw reader.failure ?? error;
  } finally {
    reader.close();
  }
}

function checkDeclaredLength({ headers }: BodySource, maxRequestSize: number): void {
  if (Number(headers['content-length'] ?? 0) > maxRequestSize) throw requestTooLarge(maxRequestSize);
}

function checkPlace({ path }: LongTextStart, index: number, limits: JsonBodyLimits): void {
  const { longTextThreshold, maxFiles } = limits;
  if (path[0] !== 'variables') {
    const msg = `Outside of the variables, a string may have at most ${longTextThreshold} bytes.`;
    throw bodyTooLarge(longTextThreshold, msg, path);
  }
  if (index === maxFiles) throw new AttachmentError('TOO_MANY_FILES', { limit: maxFiles });
}

/** Resolves with what has arrived behind the text. */
async function receiveLongText<T>(
  reader: BodyReader,
  { token, path, first }: LongTextStart,
  handlers: JsonBodyHandlers<T>,
  longTexts: Map<string, LongText<T>>,
): Promise<Buffer> {
  const source = new LongTextReader(reader, first);
  reader.beginLongText();
  const taken = await handlers.receive({ kind: source.kind, path, text: source.read() });
  longTexts.set(token, { kind: source.kind, path, taken });
  reader.endLongText();
  if (source.rest === null)
    throw reader.failure ?? new Error('A text was taken in without being read to its end.');
  return source.rest;
}
