import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { v7 as uuidv7 } from 'uuid';
import { AttachmentRow } from '../../../src/database/entities/attachment.js';
import { insertRow } from '../../../src/database/insert-row.js';
import { nameForms } from '../../../src/database/stored-names.js';
import { MarkdownRenderer } from '../../../src/markdown/markdown-renderer.js';
import { plainHtml } from '../../../src/markdown/rendering.js';
import type { AttachmentData, Client } from '../../support/client.js';
import { startService } from '../../support/service.js';
import { StatementCounter } from '../../support/statement-counter.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';
import { openTestDatabase } from '../../support/test-database.js';

class CountingRenderer extends MarkdownRenderer {
  count = 0;

  override render(...args: Parameters<MarkdownRenderer['render']>): ReturnType<MarkdownRenderer['render']> {
    this.count += 1;
    return super.render(...args);
  }
}

/** Breaks at one text. */
class FragileRenderer extends MarkdownRenderer {
  override render(...args: Parameters<MarkdownRenderer['render']>): ReturnType<MarkdownRenderer['render']> {
    return args[1] === 'broken' ? Promise.reject(new Error('The thread has ended.')) : super.render(...args);
  }
}

const fields = 'id description { raw html }';

async function htmlOf(client: Client, id: string): Promise<string | undefined> {
  const query = `query ($id: ID!) { attachment(id: $id) { ${fields} } }`;
  const { attachment } = await client.ask<{ attachment: AttachmentData }>(query, { id });
  return attachment.description?.html;
}

describe('the HTML of descriptions', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await makeTemporaryDirectory();
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  /** Makes rows what a version before this one has left: `count` attachments with these descriptions in turn. */
  async function age(original: string, descriptions: readonly string[], count: number): Promise<string[]> {
    const database = await openTestDatabase(directory);
    const row = await database.read.findOneByOrFail(AttachmentRow, { id: original });
    const rows = Array.from({ length: count }, (_, index) =>
      Object.assign(new AttachmentRow(), row, nameForms(row.fileName), {
        id: uuidv7(),
        description: descriptions[index % descriptions.length] ?? null,
        descriptionHtml: null,
      }),
    );
    await database.write(async (manager) => {
      for (const each of rows) await insertRow(manager, AttachmentRow, each);
    });
    await database.close();
    return rows.map(({ id }) => id);
  }

  test('is made once: by no list, however many it shows, and by no copy', async () => {
    const renderer = new CountingRenderer();
    const statements = new StatementCounter();
    await using service = await startService(
      { DATA_DIR: directory },
      { renderer, statementLogger: statements },
    );
    const { client } = service;
    const { id } = await client.upload({ content: 'x', name: 'a.txt' }, { description: '*a*' });
    expect(renderer.count).toBe(1);
    const copied = await client.ask<{ copyAttachment: { attachment: AttachmentData } }>(
      `mutation ($id: ID!) { copyAttachment(input: { attachmentId: $id }) { attachment { ${fields} } } }`,
      { id },
    );
    const copy = copied.copyAttachment.attachment;
    expect(copy.description?.html).toBe('<p><em>a</em></p>');
    expect(await htmlOf(client, copy.id)).toBe('<p><em>a</em></p>');
    await age(id, ['# old <b>'], 998);
    const list = async () => {
      const query = `{ attachments(first: 1000) { nodes { ${fields} } } }`;
      return (await client.ask<{ attachments: { nodes: AttachmentData[] } }>(query)).attachments.nodes;
    };
    const [first, ...others] = (await list()).map(({ description }) => description?.html).toSorted();
    expect(first).toBe(plainHtml('# old <b>'));
    expect(others).toHaveLength(999);
    expect(renderer.count).toBe(1);
    // On a slow machine the service asks much else meanwhile. The HTML of 50 descriptions is read at a time.
    const ofAttachments = /\battachments\b/;
    expect(await statements.fewest(list, ofAttachments)).toBeLessThan(40);
    const aliases = Array.from({ length: 40 }, (_, index) => `a${index}: html`).join(' ');
    const repeated = `{ attachments(first: 1000) { nodes { description { ${aliases} } } } }`;
    expect(await statements.fewest(() => client.ask(repeated), ofAttachments)).toBeLessThan(40);
  }, 180_000);

  test('is read for a whole page no further than an answer may be long', async () => {
    const statements = new StatementCounter();
    const settings = { DATA_DIR: directory, MAX_ANSWER_SIZE: '50000' };
    await using service = await startService(settings, { statementLogger: statements });
    const { id } = await service.client.upload({ content: 'x', name: 'a.txt' });
    await age(id, ['long '.repeat(200)], 999);
    let code = '';
    const used = await statements.during(async () => {
      const { errors } = await service.client.graphql(
        '{ attachments(first: 1000) { nodes { description { html } } } }',
      );
      code = errors?.at(-1)?.extensions.code ?? '';
    });
    expect(code).toBe('QUERY_TOO_COMPLEX');
    expect(used.filter((sql) => /SELECT .*description_html.* FROM/s.test(sql)).length).toBeLessThan(5);
  });

  test('is not read by those who do not ask for it', async () => {
    const statements = new StatementCounter();
    await using service = await startService({ DATA_DIR: directory }, { statementLogger: statements });
    const { id } = await service.client.upload({ content: 'x', name: 'a.txt' }, { description: '*a*' });
    const asked = await statements.during(async () => {
      await service.client.ask('{ attachments { nodes { id description { raw } } } }');
      await service.client.ask('query ($id: ID!) { attachment(id: $id) { description { raw } } }', { id });
    });
    expect(asked.filter((sql) => /SELECT .*description_html.* FROM/s.test(sql))).toEqual([]);
    expect(asked.filter((sql) => /SELECT .*description.* FROM/s.test(sql)).length).toBeGreaterThan(1);
  });

  test('is made in the background for rows of an earlier version, and failures are remembered', async () => {
    const slow = '*_'.repeat(5_000);
    const first = await startService({ DATA_DIR: directory });
    const { client } = first;
    const { id } = await client.upload({ content: 'x', name: 'a.txt' });
    const [good = '', tooDeep = '', tooSlow = ''] = await age(
      id,
      ['*old*', '> '.repeat(200), slow, ...Array<string>(60).fill('*old*')],
      63,
    );
    // Copied before it is rendered: the copy is rendered later, too.
    const copied = await client.ask<{ copyAttachment: { attachment: AttachmentData } }>(
      `mutation ($id: ID!) { copyAttachment(input: { attachmentId: $id }) { attachment { ${fields} } } }`,
      { id: good },
    );
    const copy = copied.copyAttachment.attachment;
    expect(copy.description?.html).toBe('<p>*old*</p>');
    await first.close();

    const renderer = new CountingRenderer({ limitMs: 200 });
    const second = await startService(
      { DATA_DIR: directory, BOOTSTRAP_API_KEY: client.key ?? '' },
      { renderer },
    );
    while ((await htmlOf(second.client, copy.id)) !== '<p><em>old</em></p>') await sleep(50);
    expect(renderer.count).toBe(64);
    expect(await htmlOf(second.client, good)).toBe('<p><em>old</em></p>');
    expect(await htmlOf(second.client, tooDeep)).toBe(plainHtml('> '.repeat(200)));
    expect(await htmlOf(second.client, tooSlow)).toBe(plainHtml(slow));
    await second.close();

    const third = await startService(
      { DATA_DIR: directory, BOOTSTRAP_API_KEY: client.key ?? '' },
      { renderer: new CountingRenderer() },
    );
    await sleep(300);
    expect(renderer.count).toBe(64);
    expect(await htmlOf(third.client, tooSlow)).toBe(plainHtml(slow));
    await third.close();
  }, 120_000);

  test('is made of all the others if the renderer breaks at one, which is told', async () => {
    const first = await startService({ DATA_DIR: directory });
    const { client } = first;
    const { id } = await client.upload({ content: 'x', name: 'a.txt' });
    const [broken = '', ...others] = await age(id, ['broken', ...Array(49).fill('*old*')], 50);
    await first.close();
    const env = { DATA_DIR: directory, BOOTSTRAP_API_KEY: client.key ?? '' };
    await using second = await startService(env, { renderer: new FragileRenderer() });
    while ((await htmlOf(second.client, others.at(-1) ?? '')) !== '<p><em>old</em></p>') await sleep(50);
    expect(await htmlOf(second.client, others[0] ?? '')).toBe('<p><em>old</em></p>');
    expect(await htmlOf(second.client, broken)).toBe('<p>broken</p>');
    while (!second.logLines.some((line) => line.includes('descriptions not rendered yet'))) await sleep(50);
  });

  test('follows its text: another one, none, and left alone', async () => {
    await using service = await startService({ DATA_DIR: directory });
    const { client } = service;
    const { id } = await client.upload({ content: 'x', name: 'a.txt' }, { description: '*a*' });
    const update = async (change: object) => {
      const query = `mutation ($input: UpdateAttachmentInput!) { updateAttachment(input: $input) { attachment { ${fields} } } }`;
      const variables = { input: { attachmentId: id, ...change } };
      const answer = await client.ask<{ updateAttachment: { attachment: AttachmentData } }>(query, variables);
      expect(await htmlOf(client, id)).toBe(answer.updateAttachment.attachment.description?.html);
      return answer.updateAttachment.attachment.description;
    };
    expect(await update({ description: '**b**' })).toEqual({
      raw: '**b**',
      html: '<p><strong>b</strong></p>',
    });
    expect(await update({ fileName: 'b.txt' })).toEqual({ raw: '**b**', html: '<p><strong>b</strong></p>' });
    expect(await update({ description: null })).toBeNull();
    expect(await update({ description: '' })).toEqual({ raw: '', html: '' });
  });
});
