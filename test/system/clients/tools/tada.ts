import { Client, fetchExchange } from '@urql/core';
import { initGraphQLTada } from 'gql.tada';
import type { introspection } from './build/tada';
import type { Service } from './service';

const graphql = initGraphQLTada<{
  introspection: introspection;
  scalars: { DateTime: string; JSONObject: object; SafeInt: number; Upload: File; URL: string };
}>();

const newest = graphql(`
  query Newest($filter: AttachmentFilter) {
    attachments(filter: $filter, first: 1, orderBy: { field: FILE_NAME, direction: ASC }) {
      nodes { fileName size status createdAt record { type recordId } }
    }
  }
`);

export async function run({ url, key }: Service) {
  const fetchOptions = { headers: { Authorization: `Bearer ${key}` } };
  const client = new Client({ url, exchanges: [fetchExchange], fetchOptions, preferGetMethod: false });
  const record = { type: 'Invoice', id: '7' };
  const { data } = await client.query(newest, { filter: { record } });
  const [first] = data?.attachments.nodes ?? [];
  const size: number | undefined = first?.size;
  return { fileName: first?.fileName, size, record: first?.record?.recordId };
}
