import { startService, type TestService } from '../../support/service.js';
import { StatementCounter } from '../../support/statement-counter.js';
import { openTestDatabase } from '../../support/test-database.js';

/** Remembers each statement with its parameters. */
class StatementRecorder extends StatementCounter {
  readonly parameters: unknown[][] = [];

  override logQuery(query: string, parameters: unknown[] = []): void {
    super.logQuery(query);
    this.parameters.push(parameters);
  }
}

const recorder = new StatementRecorder();
let service: TestService;
beforeAll(async () => {
  service = await startService({}, { statementLogger: recorder });
  await service.client.upload({ content: 'x', name: 'x.txt' });
});
afterAll(() => service.close());

/** How the embedded database finds the rows of a page, as it says itself. */
async function planOf(filter: object, field: string): Promise<string[]> {
  const query = `query ($filter: AttachmentFilter, $orderBy: AttachmentOrder) {
    attachments(first: 10, filter: $filter, orderBy: $orderBy) { nodes { id } } }`;
  const from = recorder.statements.length;
  await service.client.ask(query, { filter, orderBy: { field, direction: 'DESC' } });
  const database = await openTestDatabase(service.dataDirectory);
  const plans: string[] = [];
  for (let index = from; index < recorder.statements.length; index += 1) {
    const sql = recorder.statements[index] ?? '';
    if (!/^SELECT .* FROM (trashed_)?attachments a .*ORDER BY/s.test(sql)) continue;
    const rows = await database.read.query<{ detail: string }[]>(
      `EXPLAIN QUERY PLAN ${sql}`,
      recorder.parameters[index],
    );
    plans.push(
      ...rows.map(({ detail }) => detail).filter((detail) => /^(SEARCH|SCAN) (a|attachments) /.test(detail)),
    );
  }
  await database.close();
  return plans;
}

const walksAll = (detail: string) =>
  detail.startsWith('SCAN') || /\(organization_id=\?( AND created_by_id=\? AND shared=\?)?\)$/.test(detail);

describe('a database that began empty finds rows among a million as one that has been measured', () => {
  const choice = {
    record: { record: { type: 'Task', id: '1' } },
    'one digest': { sha256: 'ab'.repeat(32) },
    pending: { status: ['PENDING'] },
    'rejected or not scanned': { status: ['REJECTED', 'SCAN_FAILED'] },
  };
  const orders = ['CREATED_AT', 'FILE_NAME', 'SIZE'];

  test.each(Object.entries(choice))('%s: those that match are looked up', async (_, filter) => {
    for (const order of orders) {
      const plan = await planOf(filter, order);
      // For what is shared and for the viewer's own at once.
      expect(plan.filter((detail) => detail.startsWith('SEARCH a '))).toHaveLength(1);
      expect(plan.filter(walksAll)).toEqual([]);
    }
  });

  test.each(Object.entries(choice))('%s: the same in the trash', async (_, filter) => {
    for (const order of orders) {
      const plan = await planOf({ ...filter, deleted: true }, order);
      expect(plan).not.toEqual([]);
      expect(plan.filter(walksAll)).toEqual([]);
    }
  });

  test.each(orders)('a page of the trash by %s is read in the order of an index', async (order) => {
    const plan = await planOf({ deleted: true }, order);
    const index = { CREATED_AT: 'created_at', FILE_NAME: 'file_name', SIZE: 'size' }[order];
    expect(plan[0]).toContain(`ix_trashed_attachments_${index} `);
    expect(plan[1]).toContain('ix_trashed_attachments_creator');
  });

  test('a search for linked attachments does not go through all claimed ones', async () => {
    const plan = await planOf({ claimed: false }, 'CREATED_AT');
    expect(plan.filter((detail) => detail.includes('ix_attachments_only_linked'))).toHaveLength(1);
  });

  test('a search for claimed attachments does not go through all others', async () => {
    const plan = await planOf({ claimed: true }, 'CREATED_AT');
    expect(plan).not.toHaveLength(0);
    expect(plan.filter((detail) => !detail.includes('ix_attachments_created_at'))).toEqual([]);
  });

  test.each(orders)('without a filter, a page by %s is read in the order of an index', async (order) => {
    const plan = await planOf({}, order);
    const index = { CREATED_AT: 'created_at', FILE_NAME: 'file_name', SIZE: 'size' }[order];
    expect(plan[0]).toContain(`ix_attachments_${index} `);
    expect(plan[1]).toMatch(
      order === 'CREATED_AT' ? /ix_attachments_creator / : new RegExp(`ix_attachments_creator_${index} `),
    );
  });

  test('a count walks rows of one age, which lie side by side', async () => {
    const from = recorder.statements.length;
    await service.client.ask('{ attachments(first: 0, filter: { status: [APPROVED] }) { totalCount } }');
    const counts = recorder.statements.slice(from).filter((sql) => sql.startsWith('SELECT COUNT(*)'));
    expect(counts).toHaveLength(2);
    const database = await openTestDatabase(service.dataDirectory);
    const plans = await Promise.all(
      counts.map((sql) =>
        database.read.query<{ detail: string }[]>(
          `EXPLAIN QUERY PLAN ${sql}`,
          recorder.parameters[recorder.statements.indexOf(sql, from)],
        ),
      ),
    );
    await database.close();
    const indexes = plans
      .flat()
      .flatMap(({ detail }) => /^SEARCH a USING .*INDEX (\w+)/.exec(detail)?.[1] ?? []);
    // The few rows of the viewer's own are looked up.
    expect(indexes).toEqual(['ix_attachments_created_at']);
  });
});

/** As `planOf`, all that is said of the statement that finds the page of a log. */
async function planOfLog(filter: string): Promise<string[]> {
  const from = recorder.statements.length;
  await service.client.ask(`{ auditLog(first: 10, filter: ${filter}) { nodes { id } } }`);
  const index = recorder.statements.findIndex(
    (sql, at) => at >= from && /^SELECT .* FROM "audit_events" .*ORDER BY/s.test(sql),
  );
  const database = await openTestDatabase(service.dataDirectory);
  const rows = await database.read.query<{ detail: string }[]>(
    `EXPLAIN QUERY PLAN ${recorder.statements[index]}`,
    recorder.parameters[index],
  );
  await database.close();
  return rows.map(({ detail }) => detail);
}

describe('a page of the audit log is read in the order of an index', () => {
  const times = 'after: "2026-01-01T00:00:00Z", before: "2027-01-01T00:00:00Z"';

  test.each(['{}', '{ action: [ATTACHMENT_LINKED] }', `{ ${times} }`])('all events: %s', async (filter) => {
    const plan = await planOfLog(filter);
    expect(plan).toHaveLength(1);
    expect(plan[0]).toMatch(/^SEARCH e USING .*INDEX ix_audit_events_organization/);
  });

  test.each(['', 'action: [ATTACHMENT_LINKED], ', `${times}, `])('one attachment: %s', async (more) => {
    const plan = await planOfLog(`{ ${more}attachmentId: "00000000-0000-7000-8000-000000000000" }`);
    expect(plan).toHaveLength(2);
    expect(plan[0]).toMatch(/^SEARCH e USING .*INDEX ix_audit_events_subject/);
    // Those of one millisecond alone are sorted.
    expect(plan[1]).toMatch(/^USE TEMP B-TREE FOR (LAST TERM|RIGHT PART) OF ORDER BY$/);
  });
});
