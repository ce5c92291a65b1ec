import { ApolloClient, gql, InMemoryCache } from '@apollo/client';
import UploadHttpLink from 'apollo-upload-client/UploadHttpLink.mjs';
import type { Service } from './service';

interface Files {
  attachments: { nodes: { id: string; fileName: string }[] };
}

export async function run({ url, key }: Service) {
  const headers = { Authorization: `Bearer ${key}`, 'Apollo-Require-Preflight': 'true' };
  const client = new ApolloClient({
    cache: new InMemoryCache(),
    link: new UploadHttpLink({ uri: url, headers }),
  });

  const file = new File(['Hello, Claimcheck.'], 'apollo.txt');
  const { data: uploaded } = await client.mutate<{ createAttachment: { attachment: { fileName: string } } }>({
    mutation: gql`
      mutation ($file: Upload!) {
        createAttachment(input: { content: { upload: $file } }) { attachment { id fileName } }
      }
    `,
    variables: { file },
  });

  const { data: records } = await client.query<{ invoice: Files; person: Files }>({
    query: gql`
      query {
        invoice: record(type: "Invoice", id: "7") { id attachments { nodes { id fileName } } }
        person: record(type: "Person", id: "7") { id attachments { nodes { id fileName } } }
      }
    `,
  });
  const names = (files?: Files) => files?.attachments.nodes.map(({ fileName }) => fileName);
  return {
    uploaded: uploaded?.createAttachment.attachment.fileName,
    invoice: names(records?.invoice),
    person: names(records?.person),
  };
}
