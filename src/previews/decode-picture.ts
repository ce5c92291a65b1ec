import { PDFiumLibrary } from '@hyzyla/pdfium';
import sharp, { type Sharp, type SharpOptions } from 'sharp';

/*
 * Decodes what strangers have sent: nothing but the process of picture-worker.ts may load this file.
 */

type Decoded = (PictureSize & { body: Buffer }) | { fault: PictureFault };

// One core, and nothing is kept from one picture to the next.
sharp.concurrency(1);
sharp.cache(false);
sharp.block({ operation: ['VipsForeignLoad'] });
sharp.unblock({
  operation: ['Jpeg', 'Png', 'Webp', 'Nsgif', 'Heif', 'Tiff', 'Svg'].map(
    (format) => `VipsForeignLoad${format}Buffer`,
  ),
});

import {
  isPdf,
  type PictureFault,
  type PictureSize,
  type PictureTask,
  type PreviewVariant,
  pictureLimits,
  pictureTypes,
} from './preview.js';

/** The first frame or page, and whatever can be read of a damaged picture is refused only if decoding fails. */
const options: SharpOptions = {
  limitInputPixels: pictureLimits.pixels,
  failOn: 'error',
  pages: 1,
  page: 0,
};

/** Never throws: a picture that cannot be decoded has a fault. */
export async function decodePicture(
  { contentType, variant }: PictureTask,
  content: Buffer,
): Promise<Decoded> {
  try {
    if (isPdf(contentType)) return variant ? await previewPage(content, variant) : { fault: 'broken' };
    const { format, autoOrient } = await sharp(content, options).metadata();
    if (format !== pictureTypes[contentType]) return { fault: 'broken' };
    const { width, height } = autoOrient;
    if (!variant) return { width, height, body: Buffer.of() };
    if (width * height > pictureLimits.pixels) return { fault: 'too_costly' };
    return { width, height, body: await shrink(sharp(content, options).autoOrient(), variant) };
  } catch (error) {
    const isTooLarge = error instanceof Error && /pixel limit|too large/i.test(error.message);
    return { fault: isTooLarge ? 'too_costly' : 'broken' };
  }
}

/** Metadata does not go along: sharp writes none unless it is told to. Colours are converted to sRGB. */
async function shrink(picture: Sharp, { size, fit, format }: PreviewVariant): Promise<Buffer> {
  const small =
    fit === 'COVER'
      ? picture.resize(size, size, { fit: 'cover' })
      : picture.resize(size, size, { fit: 'inside', withoutEnlargement: true });
  switch (format) {
    case 'AVIF':
      return small.avif({ quality: 55, effort: 2 }).toBuffer();
    case 'JPEG':
      return small.flatten({ background: '#fff' }).jpeg({ quality: 80 }).toBuffer();
    case 'WEBP':
      return small.webp({ quality: 80, effort: 3 }).toBuffer();
  }
}

/** Page sizes are in points, which are no pixels: the first page is drawn as large as it is shown. */
async function previewPage(content: Buffer, variant: PreviewVariant): Promise<Decoded> {
  pdfium ??= PDFiumLibrary.init();
  const document = await (await pdfium).loadDocument(content);
  try {
    const page = document.getPage(0);
    const { originalWidth, originalHeight } = page.getOriginalSize();
    const { width, height } = pixelsOf(originalWidth, originalHeight, variant);
    const drawn = await page.render({ render: 'bitmap', scale: 1, width, height });
    const raw = { width: drawn.width, height: drawn.height, channels: 4 } as const;
    const body = await shrink(sharp(drawn.data, { raw }), variant);
    return { width: atLeastOne(originalWidth), height: atLeastOne(originalHeight), body };
  } finally {
    document.destroy();
  }
}

let pdfium: Promise<PDFiumLibrary> | null = null;

/** A page that is much longer than wide has no more pixels than four squares of the size, whatever the fit asks for. */
function pixelsOf(width: number, height: number, { size, fit }: PreviewVariant): PictureSize {
  const fitting = size / (fit === 'COVER' ? Math.min(width, height) : Math.max(width, height));
  const scale = Math.min(fitting, Math.sqrt((4 * size * size) / (width * height)));
  return {
    width: Math.min(4 * size, atLeastOne(width * scale)),
    height: Math.min(4 * size, atLeastOne(height * scale)),
  };
}

const atLeastOne = (length: number) => Math.max(1, Math.round(length));
