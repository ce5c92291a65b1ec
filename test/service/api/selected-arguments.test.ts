import { startService, type TestService } from '../../support/service.js';
import { LiveSocket } from '../live/live-socket.js';

let service: TestService;
beforeAll(async () => {
  service = await startService();
});
afterAll(() => service.close());

const input = { content: { base64: 'eA==' }, fileName: 'x.txt' };

const creation = (selection: string, declared = '', behind = '') =>
  `mutation ($input: CreateAttachmentInput!${declared}) {
    createAttachment(input: $input) { attachment { id ${selection} } }
  } ${behind}`;

async function countStored(): Promise<number> {
  const { attachments } = await service.client.ask<{ attachments: { totalCount: number } }>(
    '{ attachments { totalCount } }',
  );
  return attachments.totalCount;
}

/** The faults of a mutation that must have changed nothing, each with its place. */
async function faultsOf(query: string, variables: object = {}): Promise<string[]> {
  const before = await countStored();
  const { data, errors } = await service.client.graphql<Record<string, unknown>>(query, {
    input,
    ...variables,
  });
  expect(data).toEqual({ createAttachment: null });
  expect(errors?.map(({ path, extensions }) => [path, extensions.code])).toEqual([
    [['createAttachment'], 'BAD_USER_INPUT'],
  ]);
  expect(await countStored()).toBe(before);
  return (errors?.[0]?.extensions.details ?? []).map(({ loc, type }) => `${loc.join('.')} ${type}`);
}

describe('a change whose answer cannot be given changes nothing', () => {
  test.each([
    ['links(first: -1) { totalCount }', ['attachment.links.first out_of_range']],
    ['links(after: "none") { totalCount }', ['attachment.links.after invalid_cursor']],
    ['places: links(first: 1001) { totalCount }', ['attachment.places.first out_of_range']],
    [
      'shareLinks(first: 1, last: 1) { totalCount }',
      ['attachment.shareLinks.first first_and_last', 'attachment.shareLinks.last first_and_last'],
    ],
    [
      'versions(last: -1) { nodes { downloadUrl(expiresIn: 604801) } }',
      [
        'attachment.versions.last out_of_range',
        'attachment.versions.nodes.downloadUrl.expiresIn out_of_bounds',
      ],
    ],
    [
      'preview(size: 1, expiresIn: 0)',
      ['attachment.preview.expiresIn out_of_bounds', 'attachment.preview.size out_of_range'],
    ],
    [
      'downloadUrl(expiresIn: 0) links(first: -1) { totalCount }',
      ['attachment.downloadUrl.expiresIn out_of_bounds', 'attachment.links.first out_of_range'],
    ],
    [
      'record { field(name: "") { id } archiveUrl(expiresIn: 0, field: " ") attachments(first: -1) { totalCount } }',
      [
        'attachment.record.field.name empty',
        'attachment.record.archiveUrl.expiresIn out_of_bounds',
        'attachment.record.archiveUrl.field empty',
        'attachment.record.attachments.first out_of_range',
      ],
    ],
  ])('%s', async (selection, faults) => {
    expect(await faultsOf(creation(selection))).toEqual(faults);
  });

  test('with faults of its own arguments, which are told together', async () => {
    const named = { ...input, contentType: 'x'.repeat(1_025) };
    expect(await faultsOf(creation('downloadUrl(expiresIn: 0)'), { input: named })).toEqual([
      'input.contentType too_long',
      'attachment.downloadUrl.expiresIn out_of_bounds',
    ]);
  });

  test('with the fault in a variable', async () => {
    const query = creation('links(first: $first) { totalCount }', ', $first: Int');
    expect(await faultsOf(query, { first: -1 })).toEqual(['attachment.links.first out_of_range']);
  });

  test('with null for an argument that needs a value', async () => {
    const query = creation('downloadUrl(expiresIn: $seconds)', ', $seconds: Int = 5');
    const before = await countStored();
    const { data, errors } = await service.client.graphql(query, { input, seconds: null });
    expect(data).toEqual({ createAttachment: null });
    expect(errors?.[0]?.message).toContain('must not be null');
    expect(await countStored()).toBe(before);
  });

  test('with the fault in fragments, the same or another one, however often they are spread', async () => {
    const fragments = `fragment A on Attachment { ...B ...C } fragment B on Attachment { ...C links(last: -1) { totalCount } }
      fragment C on Attachment { ... on Attachment { digest { hash } } ...D } fragment D on Attachment { preview(size: 3) }`;
    expect(await faultsOf(creation('...A ...B ...C', '', fragments))).toEqual([
      'attachment.preview.size out_of_range',
      'attachment.links.last out_of_range',
    ]);
  });

  test('with the fault only where it is included', async () => {
    const query = creation(
      'links(first: -1) @include(if: $with) { totalCount } ... @skip(if: $with) { preview(size: 3) }',
      ', $with: Boolean!',
    );
    expect(await faultsOf(query, { with: true })).toEqual(['attachment.links.first out_of_range']);
    expect(await faultsOf(query, { with: false })).toEqual(['attachment.preview.size out_of_range']);
    const neither = creation('links(first: -1) @include(if: $no) { totalCount }', ', $no: Boolean!');
    expect((await service.client.graphql(neither, { input, no: false })).errors).toBeUndefined();
  });

  test('with more combinations of conditions than have a plan, which graphql-js itself executes', async () => {
    const selection = ['a', 'b', 'c'].map((name) => `... @include(if: $${name}) { fileName }`).join(' ');
    const declared = ', $a: Boolean!, $b: Boolean!, $c: Boolean!';
    const query = creation(`${selection} links(first: -1) { totalCount }`, declared);
    for (let at = 0; at < 8; at += 1) {
      const conditions = { a: at % 2 === 0, b: at % 4 < 2, c: at < 4 };
      expect(await faultsOf(query, conditions)).toEqual(['attachment.links.first out_of_range']);
    }
  });

  test('also of a file that comes as a part of a form', async () => {
    const before = await countStored();
    const query = `mutation ($file: Upload!) {
      createAttachment(input: { content: { upload: $file } }) { attachment { links(first: -1) { totalCount } } }
    }`;
    const form = new FormData();
    form.append('operations', JSON.stringify({ query, variables: { file: null } }));
    form.append('map', '{"0":["variables.file"]}');
    form.append('0', new Blob(['x']), 'x.txt');
    const response = await fetch(`${service.url}/graphql`, {
      method: 'POST',
      headers: { ...service.client.headers, 'apollo-require-preflight': 'true' },
      body: form,
    });
    expect(await response.json()).toMatchObject({
      data: { createAttachment: null },
      errors: [{ extensions: { details: [{ loc: ['attachment', 'links', 'first'] }] } }],
    });
    expect(await countStored()).toBe(before);
  });

  test('and a subscription whose events cannot be told does not begin', async () => {
    const { id } = await service.client.upload({ content: 'x', name: 'x.txt' });
    const live = await LiveSocket.acknowledged(service.url, service.key);
    const query = `subscription { attachmentChanged(attachmentId: "${id}") { links(first: -1) { totalCount } } }`;
    live.say({ type: 'subscribe', id: '1', payload: { query } });
    await live.hears('complete');
    expect(live.messages.filter(({ type }) => type !== 'connection_ack')).toMatchObject([
      { type: 'next', payload: { errors: [{ extensions: { details: [{ loc: ['links', 'first'] }] } }] } },
      { type: 'complete' },
    ]);
    live.end();
  });
});
