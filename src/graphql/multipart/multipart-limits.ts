/** Bounds of one multipart request. Sizes are in bytes of the body as sent, framing included. */
export interface MultipartLimits {
  /** File parts; a map that announces more is refused before a file is read. */
  maxFiles: number;
  maxRequestSize: number;
  maxOperationsSize: number;
  maxMapSize: number;
  /** Variable paths in the whole map. */
  maxMapPaths: number;
  /** Within this time of the first look at the body, `operations` and `map` must have arrived. */
  operationsTimeoutMs: number;
  /** The client is too slow when it sends nothing for so long, or less than `minBytesPerSecond` on average over so long. */
  stallTimeoutMs: number;
  minBytesPerSecond: number;
}

/** Whatever does not depend on how the service is configured. */
export const defaultMultipartLimits = {
  maxOperationsSize: 1024 * 1024,
  maxMapSize: 64 * 1024,
  maxMapPaths: 200,
  operationsTimeoutMs: 30_000,
  stallTimeoutMs: 20_000,
  minBytesPerSecond: 500,
} as const satisfies Partial<MultipartLimits>;

/** The parser's own limit for the headers of one part. */
export const maxPartHeaderSize = 16 * 1024;
export const maxPartNameLength = 100;
export const maxPathSegments = 64;
