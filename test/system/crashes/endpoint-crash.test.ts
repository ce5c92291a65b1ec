import { rm } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { bodyOf, endpoint } from '../../service/webhooks/endpoint-operations.js';
import { type Receiver, startReceiver, verify } from '../../service/webhooks/receiver.js';
import type { Client } from '../../support/client.js';
import { report } from '../../support/report.js';
import { roundsOf, seededRandom } from '../../support/seeded-random.js';
import { randomKey } from '../../support/service.js';
import { spawnService } from '../../support/spawned-service.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';

const rounds = roundsOf(2);
const clientsAtOnce = 4;

/** The types of events, in order, that were acknowledged of each attachment. */
type Acknowledged = Map<string, string[]>;

/** Uploads, renames and deletes one file after the other, until the service is gone. */
async function changeUntilKilled(client: Client, acknowledged: Acknowledged): Promise<void> {
  const change = (verb: string, input: object) => {
    const type = `${verb[0]?.toUpperCase()}${verb.slice(1)}Input`;
    return client.ask(`mutation ($input: ${type}!) { ${verb}(input: $input) { __typename } }`, { input });
  };
  for (;;) {
    const uploaded = await client.tryUpload({ content: 'x', name: 'x.txt' }, {}).catch(() => null);
    const attachmentId = uploaded?.data?.createAttachment?.attachment.id;
    if (attachmentId === undefined) return;
    const told = ['attachment_created'];
    acknowledged.set(attachmentId, told);
    try {
      await change('updateAttachment', { attachmentId, fileName: 'y.txt' });
      told.push('attachment_updated');
      await change('deleteAttachment', { attachmentId });
      told.push('attachment_deleted');
    } catch {
      return;
    }
  }
}

/** The types that came of each attachment, each delivery once. */
function cameOf({ received }: Receiver): Map<string, string[]> {
  const came = new Map<string, string[]>();
  const known = new Set<string>();
  for (const each of received) {
    const id = each.headers['webhook-id'] ?? '';
    if (known.has(id)) continue;
    known.add(id);
    const { type, data } = bodyOf(each);
    came.set(data.attachment.id, [...(came.get(data.attachment.id) ?? []), type]);
  }
  return came;
}

test(`after ${rounds} kills an endpoint has been told of every acknowledged change, in order for each attachment`, async () => {
  const random = seededRandom();
  await using receiver = await startReceiver();
  const env = {
    DATA_DIR: await makeTemporaryDirectory(),
    WEBHOOK_ALLOW_PRIVATE: 'true',
    BOOTSTRAP_API_KEY: randomKey(),
    LOG_LEVEL: 'silent',
  };
  const acknowledged: Acknowledged = new Map();
  let secret = '';
  for (let round = 0; round < rounds; round += 1) {
    const service = await spawnService(env);
    const events = ['ATTACHMENT_CREATED', 'ATTACHMENT_UPDATED', 'ATTACHMENT_DELETED'];
    if (round === 0) ({ secret } = await endpoint(service.client, 'create', { uri: receiver.uri, events }));
    const before = receiver.received.length;
    const changing = Array.from({ length: clientsAtOnce }, () =>
      changeUntilKilled(service.client, acknowledged),
    );
    while (receiver.received.length === before) await pause(5);
    await pause(random.integer(0, 300));
    await service.end('SIGKILL');
    await Promise.all(changing);
  }
  const service = await spawnService(env);
  const missing = () => {
    const came = cameOf(receiver);
    return [...acknowledged].filter(([id, told]) => !told.every((type) => came.get(id)?.includes(type)));
  };
  for (const deadline = Date.now() + 60_000; missing().length > 0 && Date.now() < deadline; ) await pause(50);
  expect(missing()).toEqual([]);
  await service.end('SIGTERM');
  const order = ['attachment_created', 'attachment_updated', 'attachment_deleted'];
  for (const [id, types] of cameOf(receiver)) expect([id, types]).toEqual([id, order.slice(0, types.length)]);
  for (const each of receiver.received) verify(each, secret);
  const changes = [...acknowledged.values()].reduce((sum, told) => sum + told.length, 0);
  report(`${rounds} kills: ${changes} acknowledged changes told by ${receiver.received.length} webhooks`);
  await rm(env.DATA_DIR, { recursive: true, force: true });
}, 120_000);
