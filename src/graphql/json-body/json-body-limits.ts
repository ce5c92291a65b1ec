/** Bounds of one JSON body. Sizes are in bytes as sent. */
export interface JsonBodyLimits {
  maxRequestSize: number;
  /** The body without what is between the quotes of long texts. */
  maxShortSize: number;
  /** A string with more than this between its quotes is a long text. At least 64. */
  longTextThreshold: number;
  /** Long texts in one body. */
  maxFiles: number;
  /** Objects and arrays within one another. */
  maxDepth: number;
  /** Waiting for all that is no long text may take so long altogether. */
  operationsTimeoutMs: number;
  /** Within a long text, the client is too slow when it sends nothing for so long, or less than `minBytesPerSecond` on average over so long. */
  stallTimeoutMs: number;
  minBytesPerSecond: number;
}

/** Whatever does not depend on how the service is configured. */
export const defaultJsonBodyLimits = {
  maxShortSize: 1024 * 1024,
  longTextThreshold: 256 * 1024,
  maxDepth: 100,
  operationsTimeoutMs: 30_000,
  stallTimeoutMs: 20_000,
  minBytesPerSecond: 500,
} as const satisfies Partial<JsonBodyLimits>;

/**
 * The bytes that `maxFiles` contents of `maxFileSize` bytes can take up as base64 in JSON: at worst every character is a slash, and
 * some clients write each slash as two.
 */
export function maxJsonRequestSize(maxFiles: number, maxFileSize: number): number {
  return maxFiles * (Math.ceil(maxFileSize / 3) * 8 + 2048) + defaultJsonBodyLimits.maxShortSize;
}
