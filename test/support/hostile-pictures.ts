import { crc32, deflateSync } from 'node:zlib';

/** Pictures that ask for more than they have, by the content type that they are found to be. */

function chunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type), data]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.byteLength);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
}

/** A PNG of one colour. `interlaced` ones are decoded as a whole. */
export function png(width: number, height: number, interlaced = false, rows = height): Buffer<ArrayBuffer> {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width);
  header.writeUInt32BE(height, 4);
  header.set([8, 0, 0, 0, interlaced ? 1 : 0], 8);
  const pixels = deflateSync(Buffer.alloc((width + 1) * rows), { level: 1 });
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', header),
    chunk('IDAT', pixels),
    chunk('IEND', Buffer.of()),
  ]);
}

/** A TIFF without compression whose one strip is where there is nothing. */
export function tiffBomb(width: number, height: number): Buffer<ArrayBuffer> {
  const entries: [tag: number, value: number][] = [
    [256, width],
    [257, height],
    [258, 8],
    [259, 1],
    [262, 1],
    [273, 8],
    [277, 1],
    [278, height],
    [279, 4_294_967_295],
  ];
  const directory = Buffer.alloc(2 + entries.length * 12 + 4);
  directory.writeUInt16LE(entries.length);
  for (const [index, [tag, value]] of entries.entries()) {
    const at = 2 + index * 12;
    directory.writeUInt16LE(tag, at);
    directory.writeUInt16LE(4, at + 2);
    directory.writeUInt32LE(1, at + 4);
    directory.writeUInt32LE(value, at + 8);
  }
  return Buffer.concat([Buffer.from('II*\0\x08\0\0\0', 'latin1'), directory]);
}

/** A GIF of so many frames, each of 2 by 2 pixels; the first one is white. */
export function gif(frames: number): Buffer<ArrayBuffer> {
  const head = Buffer.from('GIF89a\x02\0\x02\0\x80\0\0\0\0\0\xff\xff\xff', 'latin1');
  const frame = (data: string) => Buffer.from(`\x2c\0\0\0\0\x02\0\x02\0\0\x02${data}`, 'latin1');
  // 2 bits a code: clear, four pixels, end.
  const [black, white] = [frame('\x02\x84\x51\0'), frame('\x02\x8c\x53\0')];
  return Buffer.concat([head, white, ...Array.from({ length: frames - 1 }, () => black), Buffer.from(';')]);
}

const svg = (inside: string, attributes = 'width="100" height="100"', before = '') =>
  Buffer.from(`<?xml version="1.0"?>${before}<svg xmlns="http://www.w3.org/2000/svg"
    xmlns:xlink="http://www.w3.org/1999/xlink" ${attributes}>${inside}</svg>`);

/** Entities that stand for ten of the next, nine times over. */
export function svgOfEntities(): Buffer<ArrayBuffer> {
  const names = [...'abcdefghij'];
  const entities = names.map((name, index) => {
    const next = names[index + 1];
    return `<!ENTITY ${name} "${next ? `&${next};`.repeat(10) : '<rect width="9" height="9"/>'}">`;
  });
  return svg('&a;', undefined, `<!DOCTYPE svg [${entities.join('')}]>`);
}

/** Refers to a file of this machine and to an address, in each way that a renderer might follow. */
export function svgOfReferences(file: string, url: string): Buffer<ArrayBuffer> {
  return svg(
    `<image xlink:href="file://${file}" width="100" height="100"/><image href="${file}" width="100" height="100"/>
     <image href="${url}/image.png" width="100" height="100"/><use xlink:href="${url}/use.svg#a"/>
     <style>@import url("${url}/style.css");</style>`,
    undefined,
    `<?xml-stylesheet href="${url}/sheet.css"?><!DOCTYPE svg [<!ENTITY x SYSTEM "file://${file}">]>`,
  );
}

export const hugeSvg = () => svg('<rect width="100%" height="100%"/>', 'width="1000000" height="1000000"');

/** Each element draws the one before twice. */
export function svgOfUses(levels: number): Buffer<ArrayBuffer> {
  const groups = Array.from(
    { length: levels },
    (_, level) => `<g id="g${level + 1}"><use href="#g${level}"/><use href="#g${level}"/></g>`,
  );
  return svg(`<defs><rect id="g0" width="9" height="9"/>${groups.join('')}</defs><use href="#g${levels}"/>`);
}

/** Filters that take very long on each of many pixels. */
export function svgOfFilters(): Buffer<ArrayBuffer> {
  const turbulence = Array.from(
    { length: 40 },
    () => '<feTurbulence baseFrequency="0.9" numOctaves="100"/><feGaussianBlur stdDeviation="99"/>',
  );
  return svg(
    `<filter id="f" x="0" y="0" width="1" height="1">${turbulence.join('')}</filter>
     <rect width="9000" height="9000" filter="url(#f)"/>`,
    'width="9000" height="9000"',
  );
}
