/*
 * Words and limits of previews for both sides: the service, and the process that decodes. That process loads this file, so it
 * imports nothing.
 */

/** Pixels of the longer side of a preview, or of both. */
export const previewSizes = [64, 128, 256, 512, 1024, 2048] as const;
export type PreviewSize = (typeof previewSizes)[number];

export type PreviewFit = 'COVER' | 'INSIDE';
export type PreviewFormat = 'AVIF' | 'JPEG' | 'WEBP';

export interface PreviewVariant {
  size: PreviewSize;
  fit: PreviewFit;
  format: PreviewFormat;
}

/** The name of a variant, such as `256-inside.webp`. */
export const variantName = ({ size, fit, format }: PreviewVariant): string =>
  `${size}-${fit}.${format}`.toLowerCase();

const variants = new Map(
  previewSizes.flatMap((size) =>
    (['COVER', 'INSIDE'] as const).flatMap((fit) =>
      (['AVIF', 'JPEG', 'WEBP'] as const).map((format) => {
        const variant = { size, fit, format };
        return [variantName(variant), variant] as const;
      }),
    ),
  ),
);

/** The variant of a name; null if there is none. */
export const readVariant = (name: string): PreviewVariant | null => variants.get(name) ?? null;

/** Pictures that can be decoded, by content type, each with the name that sharp has for its format. */
export const pictureTypes: Readonly<Record<string, string>> = {
  'image/apng': 'png',
  'image/avif': 'heif',
  'image/gif': 'gif',
  'image/jpeg': 'jpeg',
  'image/png': 'png',
  'image/svg+xml': 'svg',
  'image/tiff': 'tiff',
  'image/webp': 'webp',
};

/** Whether content of this type has a width and a height. */
export const isPicture = (contentType: string): boolean => Object.hasOwn(pictureTypes, contentType);

export const isPdf = (contentType: string): boolean => contentType === 'application/pdf';

/** Whether content of this type can have a preview. */
export const hasPreview = (contentType: string): boolean => isPicture(contentType) || isPdf(contentType);

export interface PictureSize {
  width: number;
  height: number;
}

/** Work on one picture: its size alone, or a smaller picture of it. */
export interface PictureTask {
  contentType: string;
  variant: PreviewVariant | null;
}

/** `broken`: it cannot be decoded. `too_costly`: it has too many pixels or bytes, or takes too much time or memory. */
export type PictureFault = 'broken' | 'too_costly';

export const pictureLimits = {
  /** Bytes of a picture, all of which are in memory while it is decoded. */
  bytes: 104_857_600,
  pixels: 100_000_000,
  /** Milliseconds of computing. */
  milliseconds: 10_000,
  /** Bytes of memory of the process that decodes. */
  memory: 1_073_741_824,
} as const;

/*
 * Messages between the service and the process that decodes: four bytes with the length of a JSON text, that text, and as many
 * bytes as its member `bytes` says.
 */

export interface Frame {
  header: unknown;
  body: Buffer;
}

const lengthBytes = 4;
const maxHeaderBytes = 64 * 1024;

/** The beginning of a message whose body, of so many bytes, follows. */
export function frameHead(header: object, bytes: number): Buffer {
  const text = Buffer.from(JSON.stringify({ ...header, bytes }));
  const length = Buffer.alloc(lengthBytes);
  length.writeUInt32BE(text.length);
  return Buffer.concat([length, text]);
}

/** Reads one message after the other. Throws for what is no message, or has more than `maxBytes`; ends with the stream. */
export async function* readFrames(
  stream: AsyncIterable<Uint8Array>,
  maxBytes: number,
): AsyncGenerator<Frame, void, void> {
  const reader = new ByteReader(stream);
  for (;;) {
    const length = await reader.take(lengthBytes);
    if (length === null) return;
    const text = await reader.take(bounded(length.readUInt32BE(), maxHeaderBytes));
    const header: unknown = JSON.parse(String(text));
    const bytes: unknown = Reflect.get(Object(header), 'bytes');
    const body = await reader.take(bounded(Number(bytes), maxBytes));
    if (body === null) return;
    yield { header, body };
  }
}

function bounded(length: number, max: number): number {
  if (Number.isInteger(length) && length >= 0 && length <= max) return length;
  throw new RangeError(`A message has ${length} bytes.`);
}

class ByteReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array();

  constructor(stream: AsyncIterable<Uint8Array>) {
    this.#chunks = stream[Symbol.asyncIterator]();
  }

  /** The next bytes; null if the stream ends before. */
  async take(length: number): Promise<Buffer | null> {
    const parts: Uint8Array[] = [];
    for (let missing = length; missing > 0; ) {
      if (this.#rest.length === 0) {
        const { done, value } = await this.#chunks.next();
        if (done) return null;
        this.#rest = value;
      }
      const part = this.#rest.subarray(0, missing);
      parts.push(part);
      this.#rest = this.#rest.subarray(part.length);
      missing -= part.length;
    }
    return Buffer.concat(parts);
  }
}
