import Uppy from '@uppy/core';
import Tus from '@uppy/tus';
import type { Service } from './service';

export async function run({ url, key }: Service) {
  const keys: (string | undefined)[] = [];
  const uppy = new Uppy({ meta: { policy: 'default' } }).use(Tus, {
    endpoint: url.replace('/graphql', '/uploads'),
    headers: { Authorization: `Bearer ${key}` },
    onAfterResponse: (_request, response) => {
      keys.push(response.getHeader('Upload-Document-Key'));
    },
  });
  uppy.addFile({ name: 'uppy.txt', type: 'text/plain', data: new Blob(['Hello, Claimcheck.']) });
  const result = await uppy.upload();
  // The key makes an attachment, by createAttachment(input: { content: { documentKey } }).
  return { uploaded: result?.successful?.[0]?.name, hasKey: keys.at(-1) !== undefined };
}
