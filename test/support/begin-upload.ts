import { once } from 'node:events';
import { request } from 'node:http';
import type { Client } from './client.js';
import { formBody, graphqlForm, testBoundary } from './raw-http.js';

export interface BegunUpload {
  /** Once the first half has left. */
  sent: Promise<void>;
  /** Sends the rest. */
  finish(): Promise<{ status: number; body: string }>;
  /** Breaks the connection. */
  cut(): void;
}

const query =
  'mutation ($file: Upload!) { createAttachment(input: { content: { upload: $file } }) { attachment { size } } }';

/** Sends half of an upload. */
export function beginUpload({ url, headers }: Client, content: Buffer): BegunUpload {
  const operations = { query, variables: { file: null } };
  const form = formBody(graphqlForm(operations, { 0: ['variables.file'] }, [{ content }]));
  const half = form.length / 2;
  const sending = request(`${url}/graphql`, {
    method: 'POST',
    headers: {
      ...headers,
      'apollo-require-preflight': 'true',
      'content-type': `multipart/form-data; boundary=${testBoundary}`,
    },
  });
  sending.on('error', () => undefined);
  const answered = once(sending, 'response');
  answered.catch(() => undefined);
  const sent = new Promise<void>((resolve, reject) => {
    sending.write(form.subarray(0, half), (error) => (error ? reject(error) : resolve()));
  });
  const finish = async () => {
    sending.end(form.subarray(half));
    const [response] = await answered;
    let body = '';
    for await (const chunk of response) body += String(chunk);
    return { status: response.statusCode as number, body };
  };
  return { sent, finish, cut: () => sending.destroy() };
}
