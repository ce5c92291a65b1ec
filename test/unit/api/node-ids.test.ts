import { readNodeId, toNodeId } from '../../../src/graphql/find-nodes.js';

const organizationId = '01a1fb65-08c0-765b-84f5-8387cfd886fe';
const keys = [
  { type: 'HostRecord', key: ['Invoice', '7'] },
  { type: 'HostRecord', key: ['Rechnung „ä“', '7|"\\ 8'] },
  { type: 'RecordField', key: ['Invoice', '7', ''] },
  { type: 'RecordField', key: ['Invoice', '7', '文'.repeat(255)] },
  { type: 'AttachmentLink', key: ['01a1fb65-7650-7507-96ad-5c75ca30691c', organizationId] },
] as const;

describe('the id of what is known by its key', () => {
  test.each(keys)('leads back to %j', (key) => {
    const id = toNodeId(organizationId, key);
    expect(id).toMatch(/^[\w-]+$/);
    expect(readNodeId(organizationId, id)).toEqual(key);
  });

  test('differs for every key, type and organization', () => {
    const ids = ['one', 'other'].flatMap((organization) => keys.map((key) => toNodeId(organization, key)));
    expect(new Set(ids).size).toBe(2 * keys.length);
    expect(toNodeId('one', { type: 'HostRecord', key: ['a', 'b7'] })).not.toBe(
      toNodeId('one', { type: 'HostRecord', key: ['ab', '7'] }),
    );
  });

  test('has one spelling: every other leads to nothing, as that of another organization does', () => {
    const id = toNodeId(organizationId, { type: 'HostRecord', key: ['Invoice', '77'] });
    const others = [
      `${id}=`,
      `${id}==`,
      ` ${id}`,
      `${id}\n`,
      `${id}A`,
      `${id}.`,
      id.slice(0, -1),
      id.slice(1),
      '',
    ];
    const swapped = [...id].map(
      (one, at) => `${id.slice(0, at)}${one === 'A' ? 'B' : 'A'}${id.slice(at + 1)}`,
    );
    const standard = Buffer.from(id, 'base64url').toString('base64');
    for (const other of [
      ...others,
      ...swapped,
      id.toUpperCase(),
      `${standard}+`,
      'Invoice:7',
      '\0',
      '\ud800',
    ])
      expect([other, readNodeId(organizationId, other)]).toEqual([other, null]);
    expect(readNodeId('other', id)).toBeNull();
  });

  test('leads to nothing if its key has too few or too many parts', () => {
    const wrong = [
      { type: 'HostRecord', key: ['Invoice'] },
      { type: 'HostRecord', key: ['Invoice', '7', 'files'] },
      { type: 'RecordField', key: ['Invoice', '7'] },
      { type: 'AttachmentLink', key: [] },
    ] as const;
    for (const key of wrong) expect(readNodeId(organizationId, toNodeId(organizationId, key))).toBeNull();
  });
});
