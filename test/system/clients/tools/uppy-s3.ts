import AwsS3 from '@uppy/aws-s3';
import Uppy from '@uppy/core';
import type { Service } from './service';

const begin = `mutation ($input: CreateUploadTargetInput!) {
  createUploadTarget(input: $input) { target { documentKey } }
}`;
const sign = `mutation ($input: SignUploadPartsInput!) {
  signUploadParts(input: $input) { parts { url } }
}`;
const list = `query ($key: String!) { uploadParts(documentKey: $key) { PartNumber: partNumber Size: size ETag: tag } }`;
const complete = `mutation ($input: CompleteUploadTargetInput!) {
  completeUploadTarget(input: $input) { target { state } }
}`;
const abort = `mutation ($input: AbortUploadTargetInput!) { abortUploadTarget(input: $input) { documentKey } }`;

export async function run({ url, key: credential }: Service) {
  const ask = async (query: string, variables: object) => {
    const headers = { authorization: `Bearer ${credential}`, 'content-type': 'application/json' };
    const response = await fetch(url, {
      method: 'POST',
      headers,
      body: JSON.stringify({ query, variables }),
    });
    const { data, errors } = await response.json();
    if (errors) throw new Error(errors[0].message);
    return data;
  };
  const keys: string[] = [];
  const uppy = new Uppy().use(AwsS3, {
    shouldUseMultipart: true,
    createMultipartUpload: async ({ name, type, size }) => {
      const input = { fileName: name, contentType: type, size, protocol: 'S3_MULTIPART' };
      const { documentKey } = (await ask(begin, { input })).createUploadTarget.target;
      keys.push(documentKey);
      return { key: documentKey, uploadId: documentKey };
    },
    signPart: async (_file, { key, partNumber }) => {
      const input = { documentKey: key, partNumbers: [partNumber] };
      return (await ask(sign, { input })).signUploadParts.parts[0];
    },
    listParts: async (_file, { key }) => (await ask(list, { key })).uploadParts,
    completeMultipartUpload: async (_file, { key }) => {
      await ask(complete, { input: { documentKey: key } });
      return {};
    },
    abortMultipartUpload: async (_file, { key }) => {
      await ask(abort, { input: { documentKey: key } });
    },
  });
  const data = new Blob(['Hello, Claimcheck.'.repeat(700_000)]);
  uppy.addFile({ name: 'uppy.txt', type: 'text/plain', data });
  const result = await uppy.upload();
  // The key makes an attachment, by createAttachment(input: { content: { documentKey } }).
  return { uploaded: result?.successful?.[0]?.name, keys };
}
