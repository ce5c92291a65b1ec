import { type Answer, type Client, dataOf } from '../../support/client.js';

export interface PartsTarget {
  documentKey: string;
  url: string;
  method: string;
  protocol: string;
  state: string;
  received: number;
  size: number;
  partSize: number | null;
  headers: { name: string; value: string }[];
}

interface PartOffer {
  partNumber: number;
  size: number;
  url: string;
}

const targetFields = 'documentKey url method protocol state received size partSize headers { name value }';

/** A refusal of an operation. */
class Refused extends Error {
  constructor(readonly answer: Answer<unknown>) {
    super(JSON.stringify(answer.errors));
  }
}

async function ask<Data>(client: Client, operation: string, input: object): Promise<Data> {
  const answer = await client.graphql<Data>(operation, { input });
  if (answer.errors) throw new Refused(answer);
  return dataOf(answer);
}

export interface Fault {
  code: string;
  type: string | undefined;
  msg: string | undefined;
}

/** The first fault of a refusal; null if there is none. */
export async function faultOf(asked: Promise<unknown>): Promise<Fault | null> {
  try {
    await asked;
    return null;
  } catch (error) {
    const [first] = error instanceof Refused ? (error.answer.errors ?? []) : [];
    if (!first) throw error;
    const [detail] = first.extensions.details ?? [];
    return { code: first.extensions.code, type: detail?.type, msg: detail?.msg };
  }
}

export async function newPartsTarget(client: Client, size: number, given: object = {}): Promise<PartsTarget> {
  const input = { fileName: 'a.bin', size, protocol: 'S3_MULTIPART', ...given };
  const { createUploadTarget } = await ask<{ createUploadTarget: { target: PartsTarget } }>(
    client,
    `mutation ($input: CreateUploadTargetInput!) { createUploadTarget(input: $input) { target { ${targetFields} } } }`,
    input,
  );
  return createUploadTarget.target;
}

type Known = Pick<PartsTarget, 'documentKey'>;

export async function sign(
  client: Client,
  { documentKey }: Known,
  partNumbers: number[],
): Promise<PartOffer[]> {
  const { signUploadParts } = await ask<{ signUploadParts: { parts: PartOffer[] } }>(
    client,
    `mutation ($input: SignUploadPartsInput!) {
      signUploadParts(input: $input) { parts { partNumber size method url expiresAt } } }`,
    { documentKey, partNumbers },
  );
  return signUploadParts.parts;
}

export async function complete(client: Client, { documentKey }: Known): Promise<PartsTarget> {
  const { completeUploadTarget } = await ask<{ completeUploadTarget: { target: PartsTarget } }>(
    client,
    `mutation ($input: CompleteUploadTargetInput!) { completeUploadTarget(input: $input) { target { ${targetFields} } } }`,
    { documentKey },
  );
  return completeUploadTarget.target;
}

export async function abort(client: Client, { documentKey }: Known): Promise<string> {
  const { abortUploadTarget } = await ask<{ abortUploadTarget: { documentKey: string } }>(
    client,
    'mutation ($input: AbortUploadTargetInput!) { abortUploadTarget(input: $input) { documentKey } }',
    { documentKey },
  );
  return abortUploadTarget.documentKey;
}

/** The status of the store's answer. */
export async function sendPart(url: string, body: Buffer<ArrayBuffer>): Promise<number> {
  const response = await fetch(url, { method: 'PUT', body });
  await response.arrayBuffer();
  return response.status;
}
