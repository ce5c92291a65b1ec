import { QueryClient } from '@tanstack/react-query';
import { GraphQLClient } from 'graphql-request';
import { graphql } from './build/client';
import type { Service } from './service';

const folder = graphql(`
  query Folder($record: RecordInput!, $after: String) {
    attachments(filter: { record: $record }, first: 2, after: $after) {
      nodes { id fileName size }
      pageInfo { hasNextPage endCursor }
    }
  }
`);

const note = graphql(`
  mutation Note($input: CreateAttachmentInput!) {
    createAttachment(input: $input) { attachment { id fileName } }
  }
`);

export async function run({ url, key }: Service) {
  const client = new GraphQLClient(url, { headers: { Authorization: `Bearer ${key}` } });
  const queries = new QueryClient();
  const { pages } = await queries.fetchInfiniteQuery({
    queryKey: ['attachments', 'Folder', '1'],
    queryFn: ({ pageParam }) =>
      client.request(folder, { record: { type: 'Folder', id: '1' }, after: pageParam }),
    initialPageParam: null as string | null,
    getNextPageParam: ({ attachments: { pageInfo } }) => (pageInfo.hasNextPage ? pageInfo.endCursor : null),
    pages: 10,
  });
  // Exactly one kind of content: with two of them this line does not compile.
  const content = { base64: btoa('Hello, Claimcheck.') };
  const { createAttachment } = await client.request(note, { input: { content, fileName: 'request.txt' } });
  return {
    uploaded: createAttachment?.attachment.fileName,
    folder: pages.flatMap(({ attachments }) => attachments.nodes.map(({ fileName }) => fileName)),
  };
}
