import { create } from 'filepond';
import type { Service } from './service';

const query = `mutation ($file: Upload!) {
  createAttachment(input: { content: { upload: $file } }) { attachment { id fileName } }
}`;

export async function run({ url, key }: Service) {
  const pond = create(document.body.appendChild(document.createElement('input')), {
    name: 'file',
    instantUpload: false,
    server: {
      process: {
        url,
        headers: { Authorization: `Bearer ${key}`, 'Apollo-Require-Preflight': 'true' },
        // FilePond sends a field of its own with the file. The service wants the operation, then its files.
        ondata: (sent) => {
          const form = new FormData();
          form.set('operations', JSON.stringify({ query, variables: { file: null } }));
          form.set('map', JSON.stringify({ file: ['variables.file'] }));
          const file = sent.getAll('file').find((value) => value instanceof File);
          if (file instanceof File) form.set('file', file);
          return form;
        },
        // FilePond keeps what this answers as the file's id on the server.
        onload: (answer: string) => JSON.parse(answer).data.createAttachment.attachment.id as string,
      },
    },
  });
  await pond.addFile(new File(['Hello, Claimcheck.'], 'filepond.txt'));
  const file = await pond.processFile();
  return { uploaded: file.filename, id: file.serverId };
}
