import { z } from 'zod';
import type { KeyRevocations } from '../auth/key-revocations.js';
import type { Config } from '../config/config.js';
import type { Change, Changes } from '../model/changes.js';
import type { Log } from './log.js';

const changeText = z.object({
  organizationId: z.string(),
  attachmentId: z.string(),
  records: z.array(z.object({ type: z.string(), id: z.string() })),
});

const revocationText = z.object({ revokedKeyId: z.string() });

export interface Relayed {
  changes: Changes;
  revocations?: KeyRevocations;
}

/** Joins these with those of all other processes on the same database, if it can be shared. The result ends it. */
export async function relayConfiguredChanges(
  { postgres }: Config,
  { changes, revocations }: Relayed,
  log: Pick<Log, 'warn'>,
): Promise<() => Promise<void>> {
  if (postgres === null) return async () => {};
  const { maxTextBytes, PostgresChannel } = await import('../database/postgres-channel.js');
  const channel = new PostgresChannel({
    url: postgres.url,
    name: 'claimcheck_changes',
    onFault: (err) =>
      log.warn({ err }, 'changes in other processes are not heard until the database is back'),
    onReopened: () => changes.deliverGap(),
    onText: (text) => {
      const read = readText(text);
      if (read && 'revokedKeyId' in read) revocations?.deliver(read.revokedKeyId);
      else if (read) changes.deliver([read]);
    },
  });
  await channel.open();
  changes.relayTo((published) =>
    channel.send(published.flatMap((change) => writeChange(change, maxTextBytes))),
  );
  revocations?.relayTo((revokedKeyId) => channel.send([JSON.stringify({ revokedKeyId })]));
  return () => channel.close();
}

/** In several texts where it is about more records than one has room for. */
function writeChange(change: Change, maxTextBytes: number): string[] {
  const text = JSON.stringify(change);
  const { records } = change;
  if (Buffer.byteLength(text) <= maxTextBytes) return [text];
  if (records.length < 2) return [];
  const half = Math.ceil(records.length / 2);
  return [records.slice(0, half), records.slice(half)].flatMap((part) =>
    writeChange({ ...change, records: part }, maxTextBytes),
  );
}

/** Null for what no process of this version has sent. */
function readText(text: string): Change | z.infer<typeof revocationText> | null {
  try {
    return z.union([changeText, revocationText]).parse(JSON.parse(text));
  } catch {
    return null;
  }
}
