import { type ShareLinkData, share, tryRevoke } from '../../service/sharing/share-operations.js';
import { Cluster } from './cluster.js';
import { holdLocks, untilBlocked } from './held-locks.js';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await Cluster.open();
});
afterAll(() => cluster[Symbol.asyncDispose]());

test('a transfer that revokes share links leaves one that is revoked beside it as it is', async () => {
  const { client } = await cluster.serve({ SCANNER: 'none' }, ['--no-work']);
  const [from, to] = [
    { type: 'Task', id: '1' },
    { type: 'Task', id: '2' },
  ];
  const { id: attachmentId } = await client.upload({ content: 'x', name: 'a.txt' }, { record: from });
  const [one, other] = [
    (await share(client, attachmentId)).shareLink,
    (await share(client, attachmentId)).shareLink,
  ];
  const release = await holdLocks(cluster, `SELECT 1 FROM share_links WHERE id = '${one.id}' FOR UPDATE`);
  const revoking = tryRevoke(client, one.id);
  await untilBlocked(cluster, /share_links/);
  const transferring = client.ask(
    'mutation ($input: TransferAttachmentInput!) { transferAttachment(input: $input) { __typename } }',
    { input: { attachmentId, from, to, revokeShareLinks: true } },
  );
  await untilBlocked(cluster, /share_links/, 2);
  await release();
  const revoked = (await revoking).data?.revokeShareLink?.shareLink;
  await transferring;
  const { attachment, auditLog } = await client.ask<{
    attachment: { shareLinks: { nodes: Pick<ShareLinkData, 'id' | 'revokedAt'>[] } };
    auditLog: { nodes: { details: { shareLinkId: string } }[] };
  }>(
    `query ($id: ID!) {
      attachment(id: $id) { shareLinks { nodes { id revokedAt } } }
      auditLog(filter: { attachmentId: $id, action: [SHARE_LINK_REVOKED] }) { nodes { details } }
    }`,
    { id: attachmentId },
  );
  const revokedAt = new Map(attachment.shareLinks.nodes.map((link) => [link.id, link.revokedAt]));
  expect([revokedAt.get(one.id), revokedAt.get(other.id)]).toEqual([revoked?.revokedAt, expect.any(String)]);
  expect(auditLog.nodes.map(({ details }) => details.shareLinkId).toSorted()).toEqual(
    [one.id, other.id].toSorted(),
  );
});
