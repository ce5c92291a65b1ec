import { readFile } from 'node:fs/promises';
import { BlobRow } from '../../../src/database/entities/blob.js';
import { startCommand } from '../../support/run-command.js';
import type { TestService } from '../../support/service.js';
import { openTestDatabase } from '../../support/test-database.js';

/** The peak resident memory, in MiB, of verifying `count` rows whose bytes are missing. */
export async function peakOf({ dataDirectory }: TestService, count: number): Promise<number> {
  await fillBlobs(dataDirectory, count);
  const { process: child, result } = startCommand(['verify'], { DATA_DIR: dataDirectory });
  let peak = 0;
  const timer = setInterval(() => {
    void readFile(`/proc/${child.pid}/status`, 'utf8')
      .catch(() => '')
      .then((text) => {
        peak = Math.max(peak, Number(/VmHWM:\s+(\d+) kB/.exec(text)?.[1] ?? 0));
      });
  }, 20);
  const { lines } = await result;
  clearInterval(timer);
  expect(lines.at(-1)).toBe(`Verified ${count} files of 0 bytes: ${count} missing, 0 damaged, 0 orphaned.`);
  return peak / 1024;
}

async function fillBlobs(dataDirectory: string, count: number): Promise<void> {
  const database = await openTestDatabase(dataDirectory);
  await database.write(async (manager) => {
    await manager.createQueryBuilder().delete().from(BlobRow).execute();
    await manager.query(
      `WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ${count})
       INSERT INTO blobs (id, organization_id, document_key, size, md5, sha256, verdict, created_at)
       SELECT '01890000-0000-7000-8000-' || digits, 'acme',
         '2026-01-01/00/acme/01890000-0000-7000-8000-' || digits, 0, '', '', 'APPROVED', ${Date.now()}
       FROM (SELECT substr(CAST(1000000000000 + n AS text), 2) AS digits FROM numbers) AS ids`,
    );
  });
  await database.close();
}
