import { Client, fetchExchange, gql } from '@urql/core';
import { cacheExchange } from '@urql/exchange-graphcache';
import type { Service } from './service';

interface Files {
  attachments: { nodes: { id: string; fileName: string }[] };
}

export async function run({ url, key }: Service) {
  const client = new Client({
    url,
    exchanges: [cacheExchange(), fetchExchange],
    fetchOptions: { headers: { Authorization: `Bearer ${key}`, 'Apollo-Require-Preflight': 'true' } },
    preferGetMethod: false,
  });

  const file = new File(['Hello, Claimcheck.'], 'urql.txt');
  const uploaded = await client.mutation<{ createAttachment: { attachment: { fileName: string } } }>(
    gql`
      mutation ($file: Upload!) {
        createAttachment(input: { content: { upload: $file } }) { attachment { id fileName } }
      }
    `,
    { file },
  );

  const records = await client.query<{ invoice: Files; person: Files }>(
    gql`
      query {
        invoice: record(type: "Invoice", id: "7") { id attachments { nodes { id fileName } } }
        person: record(type: "Person", id: "7") { id attachments { nodes { id fileName } } }
      }
    `,
    {},
  );
  const names = (files?: Files) => files?.attachments.nodes.map(({ fileName }) => fileName);
  return {
    uploaded: uploaded.data?.createAttachment.attachment.fileName,
    invoice: names(records.data?.invoice),
    person: names(records.data?.person),
  };
}
