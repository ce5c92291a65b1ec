import type { Door, SentFile } from '../../service/doors/doors.js';
import { limits } from '../../service/doors/stage.js';
import { type Fault, refuse, textMembers } from './try-fault.js';

const pngSignature = Buffer.from('89504e470d0a1a0a', 'hex');
const png = ({ content }: SentFile): SentFile => ({
  content: Buffer.concat([pngSignature, content.subarray(pngSignature.length)]),
  name: 'picture.png',
  type: 'image/png',
});

/** Faults of the bytes, or of what they are said to be. */
export const contentFaults: Fault[] = [
  {
    name: 'FILE_TOO_LARGE',
    input: { policy: 'tiny' },
    refusal: refuse('FILE_TOO_LARGE', 'input.content: file_too_large', limits.tiny),
  },

  {
    name: 'CONTENT_TYPE_MISMATCH of the extension',
    file: (file) => ({ ...png(file), name: 'picture.pdf', type: 'application/octet-stream' }),
    input: { policy: 'pictures' },
    refusal: refuse('CONTENT_TYPE_MISMATCH', 'input.fileName: extension_mismatch'),
  },
  {
    name: 'CONTENT_TYPE_MISMATCH of the declared type',
    members: ['dataUrl', 'documentKey'],
    file: (file) => ({ ...png(file), type: 'application/pdf' }),
    refusal: (door) =>
      refuse('CONTENT_TYPE_MISMATCH', `input.content.${door.member}: declared_type_mismatch`),
  },
  {
    name: "CONTENT_TYPE_MISMATCH of the input's type",
    file: (file) => ({ ...png(file), type: 'application/octet-stream' }),
    input: { contentType: 'image/gif' },
    refusal: refuse('CONTENT_TYPE_MISMATCH', 'input.contentType: declared_type_mismatch'),
  },
  {
    name: "CONTENT_TYPE_MISMATCH of the URL's type and the input's",
    members: ['dataUrl'],
    file: () => ({ type: 'application/x-one' }),
    input: { contentType: 'application/x-two' },
    refusal: refuse('CONTENT_TYPE_MISMATCH', 'input.contentType: data_url_mismatch'),
  },
  {
    name: 'CONTENT_TYPE_NOT_ALLOWED',
    input: { policy: 'pictures' },
    refusal: refuse('CONTENT_TYPE_NOT_ALLOWED', 'input.contentType: content_type_not_allowed'),
  },
  {
    name: 'CONTENT_TYPE_NOT_ALLOWED with this extension',
    file: (file) => ({ ...png(file), name: 'picture' }),
    input: { policy: 'pictures' },
    refusal: refuse('CONTENT_TYPE_NOT_ALLOWED', 'input.fileName: extension_not_allowed'),
  },
  {
    name: "CONTENT_TYPE_NOT_ALLOWED by the record type's policy",
    input: { record: { type: 'Pictures', id: '1' } },
    refusal: refuse('CONTENT_TYPE_NOT_ALLOWED', 'input.contentType: content_type_not_allowed'),
  },
  ...['MD5', 'SHA256'].map((algorithm) => ({
    name: `DIGEST_MISMATCH ${algorithm}`,
    input: { digest: { algorithm, hash: '0'.repeat(algorithm === 'MD5' ? 32 : 64) } },
    refusal: refuse('DIGEST_MISMATCH', 'input.digest.hash: digest_mismatch'),
  })),
];

const base64Fault = (
  name: string,
  spoil: (base64: string) => string,
  offsetOf: (door: Door) => number,
): Fault => ({
  name: `INVALID_BASE64 ${name}`,
  members: textMembers,
  file: () => ({ spoil }),
  refusal: (door) =>
    refuse('INVALID_BASE64', `input.content.${door.member}.${offsetOf(door)}: base64_invalid`),
});

const put = (text: string, at: number, what: string) =>
  text.slice(0, at) + what + text.slice(at + what.length);
const textLength = ({ size }: Door) => Math.ceil(size / 3) * 4;

/** Sizes leave two bytes for the last group, which has one character of padding. */
export const base64Faults: Fault[] = [
  base64Fault(
    'at its beginning',
    (text) => put(text, 0, '!'),
    () => 0,
  ),
  base64Fault(
    'in its midst',
    (text) => put(text, 700, '\n'),
    () => 700,
  ),
  base64Fault(
    'in its last group',
    (text) => put(text, text.length - 2, '*'),
    (door) => textLength(door) - 2,
  ),
  base64Fault(
    'of two alphabets',
    (text) => put(put(text, 10, '+'), 500, '_'),
    () => 500,
  ),
  base64Fault('padded too much', (text) => `${text}=`, textLength),
  base64Fault(
    'padded too little',
    (text) => `${text.slice(0, -2)}=`,
    (door) => textLength(door) - 1,
  ),
  base64Fault(
    'not ASCII',
    (text) => put(text, 300, '\u00e9'),
    () => 300,
  ),
  {
    name: 'INVALID_BASE64 by its own account',
    members: ['dataUrl'],
    file: () => ({ urlHeader: 'data:application/octet-stream,' }),
    refusal: refuse('INVALID_BASE64', 'input.content.dataUrl: base64_missing'),
  },
  ...['data:text;base64,', 'date:image/png;base64,', '', `data:image/png;${'x=y;'.repeat(300)}base64,`].map(
    (urlHeader) => ({
      name: `BAD_USER_INPUT data URL ${JSON.stringify(urlHeader.slice(0, 30))}`,
      members: ['dataUrl' as const],
      file: () => ({ urlHeader }),
      refusal: refuse('BAD_USER_INPUT', 'input.content.dataUrl: data_url_invalid'),
    }),
  ),
  {
    name: 'INVALID_BASE64 that is a data URL',
    members: ['base64'],
    file: () => ({ spoil: (text) => `data:image/png;base64,${text}` }),
    refusal: refuse('INVALID_BASE64', 'input.content.base64: data_url_given'),
  },
];
