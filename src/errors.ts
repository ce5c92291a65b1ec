import { faultTypes } from './fault-types.js';

/** The same request may succeed later. */
const retryable = true;

/**
 * Every fault a client can meet: its HTTP status where a route answers it, the sentence that is safe to show, and whether the same
 * request may succeed later.
 * The codes are those of `AttachmentErrorCode` in the schema.
 */
export const errorTable = {
  UNAUTHENTICATED: { status: 401, message: 'A valid credential is needed.' },
  FORBIDDEN: { status: 403, message: 'The credential does not permit this.' },
  NOT_FOUND: { status: 404, message: 'There is no such thing, or it is not visible to you.' },
  BAD_USER_INPUT: { status: 400, message: 'The input is not valid.' },
  INVALID_MULTIPART: { status: 400, message: 'The multipart request is not well formed.' },
  INVALID_BASE64: { status: 400, message: 'The content is not valid base64.' },
  INVALID_FILE_NAME: { status: 400, message: 'The file name is not acceptable.' },
  FILE_TOO_LARGE: { status: 413, message: 'The file is larger than allowed.' },
  TOO_MANY_FILES: { status: 413, message: 'The request carries more files than allowed.' },
  REQUEST_TOO_LARGE: { status: 413, message: 'The request is larger than allowed.' },
  DIGEST_MISMATCH: { status: 400, message: 'The content does not have the given digest.' },
  SIZE_MISMATCH: { status: 400, message: 'The content does not have the declared size.' },
  CONTENT_TYPE_NOT_ALLOWED: { status: 415, message: 'Content of this type is not accepted here.' },
  CONTENT_TYPE_MISMATCH: { status: 415, message: 'The content is not of the declared type.' },
  TOO_MANY_ATTACHMENTS: { status: 409, message: 'The field would hold more attachments than allowed.' },
  ALREADY_CLAIMED: { status: 409, message: 'The attachment belongs to another record.' },
  VERSION_CONFLICT: { status: 409, message: 'The field has changed since the version you named.' },
  IDEMPOTENCY_CONFLICT: { status: 409, message: 'This idempotency key was used with other input.' },
  UPLOAD_NOT_FINISHED: {
    status: 409,
    message: 'The upload to this document key is not finished.',
    retryable,
  },
  DOCUMENT_KEY_UNKNOWN: { status: 404, message: 'There is no such document key.' },
  NOT_APPROVED: { status: 409, message: 'The attachment has not been approved.', retryable },
  DAMAGED: { status: 409, message: 'The stored content is not what was uploaded.' },
  WEBHOOK_URI_NOT_ALLOWED: { status: 400, message: 'This webhook address is not allowed.' },
  RATE_LIMITED: { status: 429, message: 'Too many requests.', retryable },
  QUOTA_EXCEEDED: { status: 413, message: 'The organization may not store as much.' },
  QUERY_TOO_COMPLEX: { status: 400, message: 'The operation is too complex.' },
  STORAGE_UNAVAILABLE: {
    status: 503,
    message: 'The storage cannot be reached or is full. Try again later.',
    retryable,
  },
  AUTHORIZER_UNAVAILABLE: {
    status: 503,
    message: 'What this credential may do cannot be asked just now.',
    retryable,
  },
  INTERNAL_SERVER_ERROR: { status: 500, message: 'Something went wrong on our side.', retryable },
} as const satisfies Record<string, { status: number; message: string; retryable?: true }>;

/** The `WWW-Authenticate` header of an answer to a request without a credential. */
export const challenge = 'Bearer realm="claimcheck", Basic realm="claimcheck"';

/** The `WWW-Authenticate` header of an UNAUTHENTICATED answer; `parameters` say more about a bearer token (RFC 6750). */
export function challengeOf({ challengeParameters }: AttachmentError): string {
  const more = Object.entries(challengeParameters).map(([name, value]) => `, ${name}="${quotable(value)}"`);
  return challenge.replace(',', () => `${more.join('')},`);
}

/** A text fit for a quoted parameter: ASCII without quotation marks and backslashes. */
const quotable = (text: string) => text.replace(/[^\x20\x21\x23-\x5b\x5d-\x7e]/g, '?');

export type AttachmentErrorCode = keyof typeof errorTable;

export const errorCodes = Object.keys(errorTable) as AttachmentErrorCode[];

export const isRetryable = (code: AttachmentErrorCode): boolean => 'retryable' in errorTable[code];

type CodesWithTypes = keyof typeof faultTypes & AttachmentErrorCode;

/** The types of faults that come under a code. */
export type FaultTypeOf<Code extends CodesWithTypes> = { [C in Code]: keyof (typeof faultTypes)[C] }[Code];

export type FaultType = FaultTypeOf<CodesWithTypes>;

/** The codes that a type of fault can come under. */
type CodeOf<Type extends FaultType> = {
  [C in CodesWithTypes]: Type extends FaultTypeOf<C> ? C : never;
}[CodesWithTypes];

/** A path into the input, such as `['input', 'fileName']`. */
export type Loc = (string | number)[];

/** One fault: its place, a sentence, and its machine-readable kind. */
export interface FaultDetail {
  loc: Loc;
  msg: string;
  type: FaultType;
}

interface AttachmentErrorOptions {
  message?: string;
  details?: FaultDetail[];
  /** The bound that was passed, in bytes or items. */
  limit?: number | undefined;
  /** When the same may be tried again; in HTTP's terms, Retry-After. */
  retryAfterSeconds?: number | undefined;
  /** For `WWW-Authenticate`. */
  challengeParameters?: Readonly<Record<string, string>>;
  cause?: unknown;
}

/** The one error of the service: whatever is meant for a client is thrown as this; anything else is masked. */
export class AttachmentError extends Error {
  readonly code: AttachmentErrorCode;
  readonly details: readonly FaultDetail[];
  readonly limit: number | undefined;
  readonly retryAfterSeconds: number | undefined;
  readonly challengeParameters: Readonly<Record<string, string>>;

  constructor(code: AttachmentErrorCode, options: AttachmentErrorOptions = {}) {
    super(options.message ?? errorTable[code].message, { cause: options.cause });
    this.name = 'AttachmentError';
    this.code = code;
    this.details = options.details ?? [];
    this.limit = options.limit;
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.challengeParameters = options.challengeParameters ?? {};
  }

  /** This error with more that is wrong; `otherLimit` is told where none of its own was passed. */
  with(more: readonly FaultDetail[], otherLimit?: number): AttachmentError {
    const { message, limit = otherLimit, retryAfterSeconds, cause } = this;
    const details = [...this.details, ...more];
    return new AttachmentError(this.code, { message, details, cause, limit, retryAfterSeconds });
  }

  get status(): number {
    return errorTable[this.code].status;
  }
}

interface FaultOptions<Type extends FaultType> extends Omit<AttachmentErrorOptions, 'details'> {
  /** For a type that comes under several codes; the usual one if left out. */
  code?: CodeOf<Type>;
}

/**
 * The error for one fault, with the code that `faultTypes` has for its type. Its message is the code's, unless `message` is
 * given.
 *
 * @example
 * throw fault('version_conflict', ['input', 'expectedVersion'], `The field is at version ${version}.`);
 */
export function fault<Type extends FaultType>(
  type: Type,
  loc: Loc,
  msg: string,
  { code, ...options }: FaultOptions<Type> = {},
): AttachmentError {
  return new AttachmentError(code ?? usualCode(type), { ...options, details: [{ loc, msg, type }] });
}

function usualCode(type: FaultType): AttachmentErrorCode {
  for (const code of errorCodes)
    if (code in faultTypes && type in faultTypes[code as CodesWithTypes]) return code;
  throw new Error(`${type} is not in the table of faults.`);
}

/** Whether each single one is worth a line in the log. What lasts for a while is logged once, by whoever notices it. */
export function isLogged({ code, status }: AttachmentError): boolean {
  return status >= 500 && code !== 'AUTHORIZER_UNAVAILABLE';
}

/** The value of `errors[].extensions`, over GraphQL and over every other route alike. */
export function errorExtensions(error: AttachmentError) {
  return {
    code: error.code,
    details: error.details,
    ...(error.limit === undefined ? {} : { limit: error.limit }),
  };
}

/** `error` as a client sees it: itself if it was meant for one, else a masked INTERNAL_SERVER_ERROR. */
export function toAttachmentError(error: unknown): AttachmentError {
  return error instanceof AttachmentError
    ? error
    : new AttachmentError('INTERNAL_SERVER_ERROR', { cause: error });
}

/** The text, or its first `limit` characters and how many it had. */
export function cutText(text: string, limit: number): string {
  return text.length > limit ? `${text.slice(0, limit)}… (${text.length} characters)` : text;
}

interface Fault {
  code: AttachmentErrorCode;
  detail: FaultDetail;
  limit: number | undefined;
}

/** Gathers everything that is wrong with an input, so that one answer names it all. */
export class Faults {
  readonly #faults: Fault[] = [];

  /** Adds a fault with the code that `faultTypes` has for its type. */
  add<Type extends FaultType>(
    type: Type,
    loc: Loc,
    msg: string,
    { code, limit }: Pick<FaultOptions<Type>, 'code' | 'limit'> = {},
  ): void {
    this.#faults.push({ code: code ?? usualCode(type), detail: { loc, msg, type }, limit });
  }

  /** The first that was passed. */
  get limit(): number | undefined {
    return this.#faults.find(({ limit }) => limit !== undefined)?.limit;
  }

  /** The faults, each by itself. */
  get details(): FaultDetail[] {
    return this.#faults.map(({ detail }) => detail);
  }

  /**
   * One error with the first fault's code, the first limit that was passed, and the details of all; null if there is none.
   * `ofSeveral` is its message for more than one fault; the first fault's if left out.
   */
  toError(ofSeveral?: string): AttachmentError | null {
    const [first, second] = this.#faults;
    if (!first) return null;
    const { details, limit } = this;
    const message = (second && ofSeveral) ?? first.detail.msg;
    return new AttachmentError(first.code, { message, details, limit });
  }

  /** Throws what `toError` gives. */
  throwIfAny(ofSeveral?: string): void {
    const error = this.toError(ofSeveral);
    if (error) throw error;
  }
}

/** The first character that no engine gives back as it was: U+0000, or half of a surrogate pair. Null if there is none. */
export function characterFault(text: string): Omit<FaultDetail, 'loc'> | null {
  if (text.includes('\0')) return { type: 'nul_character', msg: 'The character U+0000 cannot be stored.' };
  if (/\p{Cs}/u.test(text)) return { type: 'lone_surrogate', msg: 'The text is not valid Unicode.' };
  return null;
}

/** Notes such a text at `loc`. */
export function checkCharacters(faults: Faults, text: string, loc: (string | number)[]): void {
  const fault = characterFault(text);
  if (fault) faults.add(fault.type, loc, fault.msg);
}
