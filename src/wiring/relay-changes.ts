import { z } from 'zod';
import type { Change, Changes } from '../attachments/changes.js';
import type { Config } from '../config.js';
import type { Log } from './log.js';

const changeText = z.object({
  organizationId: z.string(),
  attachmentId: z.string(),
  records: z.array(z.object({ type: z.string(), id: z.string() })),
});

/** Joins `changes` with those of all other processes on the same database, where it can be shared. The result ends it. */
export async function relayConfiguredChanges(
  { postgres }: Config,
  changes: Changes,
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
      const change = readChange(text);
      if (change) changes.deliver([change]);
    },
  });
  await channel.open();
  changes.relayTo((published) =>
    channel.send(published.flatMap((change) => writeChange(change, maxTextBytes))),
  );
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
function readChange(text: string): Change | null {
  try {
    return changeText.parse(JSON.parse(text));
  } catch {
    return null;
  }
}
