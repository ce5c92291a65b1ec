import { getIntrospectionQuery } from 'graphql';
import { Client } from '../../support/client.js';
import { startService, type TestService } from '../../support/service.js';

const repeat = (count: number, text: (index: number) => string) =>
  Array.from({ length: count }, (_, index) => text(index)).join(' ');

const files = 30;
const text = 'A line of a description, with "quotes" and ünïcödé.\n'.repeat(185);

async function fill(service: TestService): Promise<void> {
  for (let index = 0; index < files; index += 1) {
    await service.client.upload(
      { content: `${index}`, name: `${index}.txt` },
      { description: `${index} ${text}`, record: { type: 'Page', id: '1' }, field: 'files' },
    );
  }
}

/** All descriptions, so many times: 300 KB each time. */
const descriptions = (times: number) =>
  `{ attachments(first: 100) { nodes { id ${repeat(times, (i) => `a${i}: description { raw }`)} } } }`;

type Listed = { attachments: { nodes: { id: string; [alias: string]: string | { raw: string } }[] } };

describe('an answer', () => {
  let service: TestService;
  beforeAll(async () => {
    service = await startService({ MAX_ANSWER_SIZE: '9000000' });
    await fill(service);
  });
  afterAll(() => service.close());

  const refusalOf = async (query: string, client = service.client) => {
    const { status, data, errors } = await client.graphql(query);
    return { status, data, extensions: errors?.map(({ extensions }) => extensions) };
  };

  test('that is large comes whole, in pieces of valid JSON', async () => {
    const data = await service.client.ask<Listed>(descriptions(8));
    const { nodes } = data.attachments;
    expect(nodes).toHaveLength(files);
    for (const { id, ...all } of nodes) {
      expect(id).toMatch(/^[0-9a-f-]{36}$/);
      expect(new Set(Object.values(all).map((value) => JSON.stringify(value))).size).toBe(1);
      expect(JSON.stringify(all['a7'])).toContain('ünïcödé');
    }
  });

  test('with more bytes than allowed is refused as a whole', async () => {
    expect(await refusalOf(descriptions(32))).toEqual({
      status: 400,
      data: undefined,
      extensions: [
        {
          code: 'QUERY_TOO_COMPLEX',
          limit: 9_000_000,
          details: [{ loc: ['query'], msg: expect.any(String), type: 'answer_too_large' }],
        },
      ],
    });
  });

  test.each<[string, string]>([
    [
      'signed URLs by aliases',
      `{ attachments(first: 1000) { nodes { ${repeat(48, (i) => `a${i}: downloadUrl(expiresIn: ${i + 1})`)} } } }`,
    ],
    [
      'totals by aliases',
      `{ attachments(first: 10) { nodes { record { ${repeat(30, (i) => `a${i}: attachments { totalCount }`)} } } } }`,
    ],
    [
      '__typename by aliases',
      `{ attachments(first: 1000) { nodes { links { nodes { ${repeat(49, (i) => `a${i}: __typename`)} } } } } }`,
    ],
  ])('is weighed by what its fields cost: %s', async (_, query) => {
    expect(await refusalOf(query)).toMatchObject({
      status: 400,
      extensions: [{ code: 'QUERY_TOO_COMPLEX', details: [{ type: 'too_costly' }] }],
    });
  });

  test('counts the errors in it', async () => {
    await using strict = await startService({ MAX_QUERY_COST: '50000' });
    await fill(strict);
    const bad = (times: number) =>
      `{ attachments(first: 40) { nodes { ${repeat(times, (i) => `a${i}: downloadUrl(expiresIn: 0)`)} } } }`;
    const { data, errors } = await strict.client.graphql<Listed>(bad(2));
    expect([data?.attachments.nodes.length, errors?.length]).toEqual([files, 2 * files]);
    expect((await strict.client.graphql(bad(20))).errors).toMatchObject([
      { extensions: { code: 'QUERY_TOO_COMPLEX', limit: 50_000 } },
    ]);
  });

  test('signs equal URLs once', async () => {
    const { attachments } = await service.client.ask<Listed>(
      '{ attachments(first: 5) { nodes { id a: downloadUrl b: downloadUrl c: downloadUrl(disposition: INLINE) } } }',
    );
    expect(attachments.nodes).toHaveLength(5);
    for (const { a, b, c } of attachments.nodes) {
      expect(a).toBe(b);
      expect(a).not.toBe(c);
    }
  });

  test('leaves the event loop to others while it is made and written', async () => {
    const query = `{ attachments(first: 40) { nodes { ${repeat(
      40,
      (i) =>
        `a${i}: links(first: 3) { nodes { field position attachment { id url fileName digest { hash } } } }`,
    )} } } }`;
    // Bytes alone: to parse them is the client's work, and takes a turn of this process.
    const ask = async () => {
      const headers = { ...service.client.headers, 'content-type': 'application/json' };
      const answer = await fetch(`${service.url}/graphql`, {
        method: 'POST',
        headers,
        body: JSON.stringify({ query }),
      });
      expect((await answer.arrayBuffer()).byteLength).toBeGreaterThan(100_000);
    };
    await ask();
    // By processor time: a busy machine makes turns long that hold little work.
    const worked = () => {
      const { user, system } = process.cpuUsage();
      return user + system;
    };
    /** The part of an answer's work that its longest turn has. */
    const longestShare = async () => {
      let longest = 0;
      let isDone = false;
      const begin = worked();
      let last = begin;
      const tick = () => {
        longest = Math.max(longest, worked() - last);
        last = worked();
        if (!isDone) setImmediate(tick);
      };
      setImmediate(tick);
      await ask();
      isDone = true;
      return longest / (worked() - begin);
    };
    // One turn may have a collection of all that is in memory.
    const shares = [await longestShare(), await longestShare(), await longestShare()];
    expect(Math.min(...shares)).toBeLessThan(1 / 3);
  });

  test('without a credential is the schema at most', async () => {
    const anybody = new Client(service.url, null);
    const answers = await Promise.all(
      // Half of what the memory of one client's answers has room for, if none is read yet.
      Array.from({ length: 10 }, () => anybody.graphql(getIntrospectionQuery())),
    );
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
  });
});
