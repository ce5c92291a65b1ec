import { Upload } from 'tus-js-client';
import type { Service } from './service';

/** Sends a file in as many requests as it takes, and resolves with the key of its bytes. */
function send({ url, key }: Service, file: File): Promise<string> {
  return new Promise((resolve, reject) => {
    let documentKey = '';
    const upload = new Upload(file, {
      endpoint: url.replace('/graphql', '/uploads'),
      headers: { Authorization: `Bearer ${key}` },
      metadata: { filename: file.name },
      // Only for proxies that take no large bodies, and to show several requests here.
      chunkSize: 100_000,
      parallelUploads: 2,
      storeFingerprintForResuming: false,
      onAfterResponse: (_request, response) => {
        documentKey = response.getHeader('Upload-Document-Key') ?? documentKey;
      },
      onSuccess: () => resolve(documentKey),
      onError: reject,
    });
    upload.start();
  });
}

export async function run(service: Service) {
  const documentKey = await send(service, new File(['Hello, Claimcheck.'.repeat(20_000)], 'tus.txt'));
  const query = `mutation ($key: String!) {
    createAttachment(input: { content: { documentKey: $key } }) { attachment { fileName size } }
  }`;
  const response = await fetch(service.url, {
    method: 'POST',
    headers: { Authorization: `Bearer ${service.key}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ query, variables: { key: documentKey } }),
  });
  const { data } = (await response.json()) as {
    data: { createAttachment: { attachment: { fileName: string; size: number } } };
  };
  return data.createAttachment.attachment;
}
