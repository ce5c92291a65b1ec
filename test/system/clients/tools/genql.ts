import { createClient } from './build/genql';
import type { Service } from './service';

export async function run({ url, key }: Service) {
  const client = createClient({ url, headers: { Authorization: `Bearer ${key}` } });
  const { attachments } = await client.query({
    attachments: {
      __args: { filter: { record: { type: 'Invoice', id: '7' } }, first: 1 },
      nodes: { fileName: true, size: true, record: { recordId: true } },
    },
  });
  const [first] = attachments.nodes;
  return { fileName: first?.fileName, size: first?.size, record: first?.record?.recordId };
}
