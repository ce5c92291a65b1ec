import * as real from './real-files.js';
import { bytes, type Sample, sample, text } from './sample.js';

const isoMedia = (brand: string) =>
  bytes([0, 0, 0, 20], 'ftyp', brand, [0, 0, 0, 0], 'mif1', [0, 0, 0, 9], 'mdat');
const sound = (start: string) =>
  real.bytes('ID3\x04\0\0\0\0\x40\0', Buffer.alloc(8_192), start, real.noise(200));
const frames = real.bytes(
  ...Array.from({ length: 4 }, () => real.bytes([0xff, 0xfb, 0x90, 0x64], Buffer.alloc(413))),
);

export const mediaSamples: readonly Sample[] = [
  sample('.png', 'image/png', 'image/x-png image/x-citrix-png', Buffer.concat([real.png, real.noise(5_000)])),
  sample(
    '.jpg .jpeg .jfif',
    'image/jpeg',
    'image/jpg image/pjpeg image/x-citrix-jpeg',
    bytes('\xff\xd8\xff\xe0\0\x10JFIF\0'),
  ),
  sample('.gif', 'image/gif', '', bytes('GIF89a\x01\0\x01\0')),
  sample('.bmp', 'image/bmp', 'image/x-ms-bmp image/x-bmp image/x-win-bitmap', bytes(real.bmp)),
  sample('.tif', 'image/tiff', 'image/tif', real.tiff),
  sample('.webp', 'image/webp', '', Buffer.concat([real.webp, real.noise(5_000)])),
  sample('.heic .heif', 'image/heic', 'image/heif', isoMedia('heic')),
  sample('.avif', 'image/avif', '', isoMedia('avif')),
  sample(
    '.ico',
    'image/vnd.microsoft.icon',
    'image/x-icon image/ico',
    bytes([0, 0, 1, 0, 1, 0, 16, 16, 0, 0]),
  ),
  sample(
    '.psd',
    'image/vnd.adobe.photoshop',
    'application/x-photoshop image/x-psd',
    bytes('8BPS\0\x01\0\0\0\0\0\0'),
  ),
  sample('.djvu', 'image/vnd.djvu', 'image/x-djvu', bytes('AT&TFORM\0\0\0\x10DJVUINFO')),
  sample('.wmf', 'image/wmf', 'application/x-msmetafile image/x-wmf', bytes('\xd7\xcd\xc6\x9a\0\0')),
  sample('.emf', 'image/emf', 'image/x-emf', bytes([1, 0, 0, 0], Buffer.alloc(36, 1), ' EMF')),
  sample('.mp3', 'audio/mpeg', 'audio/mp3 audio/x-mpeg-3', sound('\xff\xfb\x90\x64')),
  sample('.mp3', 'audio/mpeg', 'audio/x-mp3', Buffer.concat([Buffer.alloc(9_000), frames])),
  sample('.mp3', 'audio/mpeg', 'audio/mpeg3', Buffer.concat([real.noise(700), frames])),
  sample('.flac', 'audio/flac', 'audio/x-flac', sound('fLaC')),
  sample('.aiff .aif', 'audio/aiff', 'audio/x-aiff', sound('FORM\0\0\x10\0AIFFCOMM')),
  sample('.ape', 'audio/ape', 'audio/x-ape audio/x-monkeys-audio', sound('MAC \x96\x0f')),
  sample('.wav', 'audio/wav', 'audio/x-wav audio/vnd.wave', bytes('RF64\xff\xff\xff\xffWAVEds64')),
  sample(
    '.aac',
    'audio/aac',
    'audio/x-aac audio/aacp',
    bytes([0xff, 0xf1, 0x50, 0x80, 0x2e, 0x7f, 0xfc, 0x21]),
  ),
  sample('.m4a', 'audio/x-m4a', 'audio/mp4 audio/m4a', bytes(real.mp4Audio)),
  sample('.mid', 'audio/midi', 'audio/x-midi audio/mid', bytes('MThd\0\0\0\x06\0\x01')),
  sample('.ogg', 'audio/ogg', 'application/ogg', bytes('OggS\0\x02', Buffer.alloc(22), '\x01vorbis')),
  sample('.mp4', 'video/mp4', 'application/mp4 video/x-m4v', bytes(real.mp4)),
  sample('.mov', 'video/quicktime', 'video/mov', bytes([0, 0, 0, 20], 'ftypqt  ', [0, 0, 2, 0], 'qt  ')),
  sample('.avi', 'video/x-msvideo', 'video/avi video/vnd.avi', bytes('RIFF\0\0\0\x10AVI LIST')),
  sample(
    '.wmv .wma',
    'application/vnd.ms-asf',
    'video/x-ms-wmv audio/x-ms-wma',
    bytes([0x30, 0x26, 0xb2, 0x75, 0x8e, 0x66, 0xcf, 0x11, 0xa6, 0xd9]),
  ),
  sample('.flv', 'video/x-flv', 'video/flv', bytes('FLV\x01\x05\0\0\0\x09')),
  sample(
    '.ttf',
    'font/ttf',
    'application/x-font-ttf application/font-sfnt',
    bytes([0, 1, 0, 0, 0, 12, 0, 0x80, 0, 3]),
  ),
  sample('.otf', 'font/otf', 'application/vnd.ms-opentype', bytes('OTTO\0\x0c')),
  sample('.woff', 'font/woff', 'application/font-woff application/x-font-woff', bytes('wOFF\0\x01\0\0')),
  sample('.dwg', 'image/vnd.dwg', 'application/acad image/x-dwg drawing/dwg', bytes('AC1032\0\0\0\0')),
  sample('.dwf', 'model/vnd.dwf', 'drawing/x-dwf', bytes('(DWF V06.00)PK\x03\x04')),
  sample('.pst', 'application/vnd.ms-outlook-pst', 'application/x-pst', bytes('!BDN\0\0\0\0')),
  sample('.one', 'application/onenote', 'application/msonenote', bytes('\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d\0')),
];

/** Four bytes a character. */
const utf32 = (text: string, isLittle: boolean) =>
  real.bytes(
    ...Array.from(text, (character) => {
      const bytes = Buffer.alloc(4);
      const code = character.codePointAt(0) ?? 0;
      if (isLittle) bytes.writeUInt32LE(code);
      else bytes.writeUInt32BE(code);
      return bytes;
    }),
  );

export const textSamples: readonly Sample[] = [
  sample('.csv', 'text/csv', '', utf32('\uFEFFa;b\r\n'.repeat(600), true)),
  sample('.csv', 'text/csv', '', utf32('Grüße;Köln 🎉\r\n'.repeat(300), false)),
  sample('.txt', 'text/plain', '', Buffer.from('Привет, мир. '.repeat(400), 'utf16le')),
  sample(
    '.txt',
    'text/plain',
    '',
    real.bytes(
      Buffer.from('\u3053\u3093\u306b\u3061\u306f', 'utf8'),
      'a\b_\x1f\x7f'.repeat(2),
      'x'.repeat(5_000),
    ),
  ),
  sample('.txt .log', 'text/plain', 'text/x-log', text('')),
  sample(
    '.csv',
    'text/csv',
    'application/csv application/vnd.ms-excel text/comma-separated-values',
    real.bytes('BMW-H\xe4ndler;Stra\xdfe\r\n', 'M\xfcller;1\r\n'.repeat(500)),
  ),
  sample('.csv', 'text/csv', 'text/x-csv', real.bytes('MZ;St\xfcck\r\n', '\x931\x94;2\r\n'.repeat(500))),
  sample('.csv', 'text/csv', 'text/plain', real.utf16('a;b\r\n'.repeat(2_000)).subarray(2)),
  sample(
    '.tsv',
    'text/tab-separated-values',
    'text/tsv',
    Buffer.from('a\tb\r\n'.repeat(1_500), 'utf16le').swap16(),
  ),
  sample('.md', 'text/markdown', 'text/x-markdown', text('# Titel\x0bzweite Zeile\n')),
  sample('.log', 'text/plain', '', text('8=FIX.4.2\x019=12\x0135=A\x01')),
  sample('.bat', 'text/plain', '', text('@echo off\r\n\x1a')),
  sample('.rs .sub .com .ts', 'text/plain', '', text('fn main() {}\n')),
  sample('.json', 'application/json', 'text/json', text('{"a": 1}\n')),
  sample('.xml', 'application/xml', 'text/xml', text('<?xml version="1.0"?><a>')),
  sample('.svg', 'image/svg+xml', 'image/svg', text('<svg xmlns="http://www.w3.org/2000/svg">')),
  sample('.html .htm', 'text/html', '', text('<!DOCTYPE html><html>')),
  sample('.eml', 'message/rfc822', 'application/x-eml', text('From: a@example.org\r\nSubject: b\r\n\r\n')),
  sample('.ics', 'text/calendar', 'application/ics text/x-vcalendar', text('BEGIN:VCALENDAR\r\n')),
  sample('.vcf', 'text/vcard', 'text/x-vcard text/directory', text('BEGIN:VCARD\r\n')),
  sample(
    '.js .mjs',
    'text/javascript',
    'application/javascript application/x-javascript',
    text('let a = 1;\n'),
  ),
  sample('.yaml .yml', 'text/yaml', 'application/x-yaml application/yaml', text('a: 1\n')),
  sample(
    '.fb2',
    'application/x-fictionbook+xml',
    'application/x-fictionbook',
    text('<?xml version="1.0"?><FictionBook>'),
  ),
  sample('.dxf', 'image/vnd.dxf', 'application/dxf image/x-dxf', text('  0\r\nSECTION\r\n')),
  sample('.stp .step', 'model/step', 'application/step', text('ISO-10303-21;\n')),
];
