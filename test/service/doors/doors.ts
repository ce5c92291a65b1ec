import {
  type Answer,
  type AnswerError,
  type AttachmentData,
  attachmentFields,
  type Client,
} from '../../support/client.js';
import { type FormPart, formBody, testBoundary } from '../../support/raw-http.js';

/** A file that is sent, and what it is said to be. */
export interface SentFile {
  content: Buffer;
  /** Null where the content comes without one. */
  name: string | null;
  /** Null where nothing is declared. */
  type: string | null;
  /** Changes the base64 text on its way. */
  spoil?: (base64: string) => string;
  /** The header of a data URL, in the place of what the type makes. */
  urlHeader?: string;
}

export type Creation = Answer<{ createAttachment: { attachment: AttachmentData } }>;

/** A way in for bytes. */
export interface Door {
  name: string;
  /** The member of `input.content` that the bytes come by. */
  member: 'upload' | 'base64' | 'dataUrl' | 'documentKey';
  /** Bytes of an ordinary file here. */
  size: number;
  /** `input.content` may have more members. `bringer` sends the bytes where that is a request of its own. */
  create(client: Client, file: SentFile, input?: DoorInput, bringer?: Client): Promise<Creation>;
}

export type DoorInput = Record<string, unknown> & { content?: object };

export const createMutation = `mutation ($input: CreateAttachmentInput!) {
  createAttachment(input: $input) { attachment { ${attachmentFields} } }
}`;

const createTarget = `mutation ($input: CreateUploadTargetInput!) {
  createUploadTarget(input: $input) { target { documentKey url } }
}`;

const vague = 'application/octet-stream';
/** Fits into no buffer on its way. */
const bigSize = 3 * 1024 * 1024 + 50_000;
/** More than 256 KiB as base64: the text never becomes part of what is parsed. */
const longSize = 300_002;
/** Like the long one, it leaves two bytes for the last group of base64. */
const shortSize = 1_001;

export const upload: Door = {
  name: 'upload',
  member: 'upload',
  size: bigSize,
  create: (client, { content, name, type }, input = {}) => {
    const variables = { input: inputWith({ upload: null }, input) };
    return postForm(client, { query: createMutation, variables }, { 0: ['variables.input.content.upload'] }, [
      {
        name: '0',
        content,
        ...(name === null ? {} : { fileName: name }),
        ...(type === null ? {} : { type }),
      },
    ]);
  },
};

export const base64Short: Door = {
  name: 'base64, short',
  member: 'base64',
  size: shortSize,
  create: (client, file, input = {}) => postJson(client, inputWith({ base64: textOf(file) }, input, file)),
};

export const base64Long: Door = { ...base64Short, name: 'base64, long', size: longSize };

/** No part of its own, but a text among the operations of a form. */
export const base64InForm: Door = {
  name: 'base64, in a form',
  member: 'base64',
  size: longSize,
  create: (client, file, input = {}) => {
    const variables = { input: inputWith({ base64: textOf(file) }, input, file) };
    return postForm(client, { query: createMutation, variables }, {}, []);
  },
};

export const dataUrlShort: Door = {
  name: 'dataUrl, short',
  member: 'dataUrl',
  size: shortSize,
  create: (client, file, input = {}) => {
    const dataUrl = `${file.urlHeader ?? `data:${file.type ?? vague};base64,`}${textOf(file)}`;
    return postJson(client, inputWith({ dataUrl }, input, { ...file, type: null }));
  },
};

export const dataUrlLong: Door = { ...dataUrlShort, name: 'dataUrl, long', size: longSize };

export const documentKey: Door = {
  name: 'documentKey',
  member: 'documentKey',
  size: bigSize,
  create: async (client, file, input = {}, bringer = client) => {
    const brought = await bring(bringer, file);
    if (typeof brought !== 'string') return brought;
    return createFrom(client, brought, input);
  },
};

export const doors: readonly Door[] = [
  upload,
  base64Short,
  base64Long,
  base64InForm,
  dataUrlShort,
  dataUrlLong,
  documentKey,
];

export interface Target {
  documentKey: string;
  url: string;
}

/** Sends bytes by way of a target; returns their document key, or what the sender was refused with. */
export async function bring(client: Client, file: SentFile): Promise<string | Creation> {
  const target = await openTarget(client, file);
  if (!('documentKey' in target)) return target;
  const sent = await putTo(target.url, file);
  // A store that takes the bytes itself answers with 200.
  return sent.status === 201 || sent.status === 200 ? target.documentKey : sent;
}

/** Asks for leave to send a file, or returns what it was refused with. */
export async function openTarget(
  client: Client,
  { content, name, type }: SentFile,
): Promise<Target | Creation> {
  const input = { fileName: name, contentType: type ?? vague, size: content.length };
  const answer = await client.graphql<{ createUploadTarget: { target: Target } }>(createTarget, { input });
  return answer.data?.createUploadTarget?.target ?? { ...answer, data: null };
}

export async function putTo(url: string, { content, type }: SentFile): Promise<Creation> {
  const headers = { 'content-type': type ?? vague };
  return answerOf(await fetch(url, { method: 'PUT', headers, body: new Uint8Array(content) }));
}

/** Makes an attachment of bytes that were brought before. */
export function createFrom(client: Client, key: string, input: DoorInput = {}): Promise<Creation> {
  return postJson(client, inputWith({ documentKey: key }, input));
}

function postJson(client: Client, input: object): Promise<Creation> {
  return client.graphql(createMutation, { input });
}

export async function postForm(
  client: Client,
  operations: object,
  map: object,
  files: FormPart[],
): Promise<Creation> {
  const parts = [
    { name: 'operations', content: JSON.stringify(operations) },
    { name: 'map', content: JSON.stringify(map) },
    ...files,
  ];
  const response = await fetch(`${client.url}/graphql`, {
    method: 'POST',
    headers: {
      ...client.headers,
      'apollo-require-preflight': 'true',
      'content-type': `multipart/form-data; boundary=${testBoundary}`,
    },
    body: new Uint8Array(formBody(parts)),
  });
  return answerOf(response);
}

/** Text content brings no name, and base64 no type either: the input says them instead. */
function inputWith(content: object, input: DoorInput, file?: Pick<SentFile, 'name' | 'type'>): object {
  const said = file ? { fileName: file.name, contentType: file.type } : {};
  return { ...said, ...input, content: { ...content, ...input.content } };
}

function textOf({ content, spoil = (base64) => base64 }: SentFile): string {
  return spoil(content.toString('base64'));
}

async function answerOf(response: Response): Promise<Creation> {
  const text = await response.text();
  const body = JSON.parse(text || '{}') as { data?: Creation['data']; errors?: AnswerError[] };
  return { status: response.status, headers: response.headers, data: body.data, errors: body.errors };
}
