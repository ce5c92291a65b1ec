import { MarkdownRenderer } from '../../../src/markdown/markdown-renderer.js';
import { plainHtml, renderingLimits } from '../../../src/markdown/rendering.js';
import type { AttachmentData } from '../../support/client.js';
import { newClient } from '../../support/keys.js';
import { report } from '../../support/report.js';
import { roundsOf, type SeededRandom, seededRandom } from '../../support/seeded-random.js';
import { startService, type TestService } from '../../support/service.js';

const fill = (text: string, length = 10_000) => text.repeat(length).slice(0, length);

const attacks = [
  `${'|a'.repeat(1_200)}\n${'|-'.repeat(1_200)}\n${'b\n'.repeat(2_551)}`,
  ...[
    '> - ',
    '*',
    '1. ',
    '- 1. ',
    '_*a',
    '*a_ ',
    '*_',
    'a\n-',
    'www.a_',
    '[',
    '[a](',
    '`a``',
    '<a ',
    '~a~',
  ].map((text) => fill(text)),
  `[a]: ${fill('&', 5_000)}\n\n${fill('[a]', 4_990)}`,
];

const tokens = [
  ...[
    '*',
    '**',
    '_',
    '__',
    '~',
    '~~',
    '`',
    '```',
    '[',
    ']',
    '(',
    ')',
    '](',
    '![',
    '[^a]',
    '[^a]: ',
    '[a]: ',
    '<',
    '>',
    '&',
    '&amp;',
    '\\',
  ],
  ...[
    '\n',
    '\n\n',
    '  ',
    '    ',
    '\t',
    '> ',
    '- ',
    '+ ',
    '1. ',
    '1) ',
    '- [ ] ',
    '# ',
    '---',
    '===',
    '|',
    '|-',
    ':-',
    '\n|-|-|\n',
  ],
  ...[
    'a',
    'b ',
    'ä',
    'ツ',
    'www.a.b',
    'http://a.b/',
    'a@b.c',
    'a_b',
    '"',
    "'",
    '<a>',
    '<!--',
    '-->',
    '<![CDATA[',
  ],
];

/** A few tokens, over and over: what is quadratic shows with length. */
function randomAttack(random: SeededRandom): string {
  const some = Array.from(
    { length: random.integer(1, 5) },
    () => tokens[random.integer(0, tokens.length - 1)],
  );
  const head = random.next() < 0.5 ? '' : fill(some.join(''), random.integer(1, 500));
  return `${head}${fill(some.toReversed().join(''), random.integer(100, 10_000))}`.slice(0, 10_000);
}

interface Created {
  createAttachment: { attachment: AttachmentData } | null;
}

const create = `mutation ($text: String) { createAttachment(input: {
  content: { base64: "eA==" }, fileName: "a.txt", description: $text }) { attachment { id description { raw html } } } }`;

describe('a description that is dear to render', () => {
  let service: TestService;
  beforeAll(async () => {
    service = await startService({}, { renderer: new MarkdownRenderer({ limitMs: 300 }) });
  });
  afterAll(() => service.close());

  const write = (text: string) => service.client.graphql<Created>(create, { text });
  const count = async () =>
    (await service.client.ask<{ attachments: { totalCount: number } }>('{ attachments { totalCount } }'))
      .attachments.totalCount;

  /** Whether it was stored: the only other outcome is a refusal that says why, after which nothing is there. */
  async function attempt(text: string): Promise<boolean> {
    const before = await count();
    const { data, errors } = await write(text);
    const created = data?.createAttachment?.attachment;
    if (created) {
      const { raw, html } = created.description ?? { raw: '', html: '' };
      expect(raw).toBe(text);
      expect(html.length).toBeLessThanOrEqual(renderingLimits.htmlLength);
    } else {
      expect(errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT', limit: expect.any(Number) } }]);
      const [detail, ...others] = errors?.[0]?.extensions.details ?? [];
      expect(others).toEqual([]);
      expect(detail).toMatchObject({ loc: ['input', 'description'], msg: errors?.[0]?.message });
      expect(detail?.type).toMatch(/^(html_too_long|too_deep|too_costly)$/);
    }
    expect(await count()).toBe(before + (created ? 1 : 0));
    const next = await service.client.ask<Created>(create, { text: '**a**' });
    expect(next.createAttachment?.attachment.description?.html).toBe('<p><strong>a</strong></p>');
    return created !== undefined;
  }

  test('is stored with its HTML, or refused with the reason, and the next one is served', async () => {
    const stored: boolean[] = [];
    for (const text of attacks) stored.push(await attempt(text));
    report(`${stored.filter(Boolean).length} stored, ${stored.filter((one) => !one).length} refused`);
    // The table is too long, and what is nested too deep.
    expect(stored.slice(0, 2)).toEqual([false, false]);
  }, 240_000);

  test('whatever it is made of', async () => {
    const random = seededRandom();
    let stored = 0;
    const times = roundsOf(8);
    for (let round = 0; round < times; round += 1) stored += (await attempt(randomAttack(random))) ? 1 : 0;
    report(`seed ${random.seed}: ${stored} stored, ${times - stored} refused`);
  }, 240_000);

  test('does not hold up other requests while it is rendered', async () => {
    let isAnswered = false;
    const answer = write(fill('*_')).finally(() => {
      isAnswered = true;
    });
    let others = 0;
    while (!isAnswered) {
      expect((await fetch(`${service.url}/health/live`)).status).toBe(200);
      others += 1;
    }
    report(`${others} other requests meanwhile`);
    expect((await answer).errors?.[0]?.extensions.details).toMatchObject([{ type: 'too_costly' }]);
    expect(others).toBeGreaterThan(3);
  });

  test("lets another one wait for at most one of its principal's", async () => {
    const other = await newClient(service);
    const order: string[] = [];
    const slow = Array.from({ length: 8 }, (_, index) =>
      write(`${index}${fill('*_', 9_990)}`).then(() => order.push('slow')),
    );
    await Promise.race(slow);
    await other.ask(create, { text: 'quick' }).then(() => order.push('quick'));
    await Promise.all(slow);
    expect(order.indexOf('quick')).toBeLessThanOrEqual(3);
  }, 180_000);

  test('is told with all other faults of the input, whether it is created or changed', async () => {
    const input = { content: { base64: '!' }, fileName: 'a/b', description: fill('> ') };
    const refused = await service.client.graphql(
      'mutation ($input: CreateAttachmentInput!) { createAttachment(input: $input) { attachment { id } } }',
      { input },
    );
    const types = refused.errors?.[0]?.extensions.details.map(({ loc }) => loc.join('.'));
    expect(types).toEqual(
      expect.arrayContaining(['input.content.base64.0', 'input.fileName', 'input.description']),
    );

    const before = await service.client.upload({ content: 'x', name: 'a.txt' }, { description: '*old*' });
    const changed = await service.client.graphql(
      'mutation ($input: UpdateAttachmentInput!) { updateAttachment(input: $input) { attachment { id } } }',
      { input: { attachmentId: before.id, fileName: 'a/b', description: fill('> ') } },
    );
    expect(changed.errors?.[0]?.extensions.details).toMatchObject([
      { loc: ['input', 'fileName'], type: 'path' },
      { loc: ['input', 'description'], type: 'too_deep' },
    ]);
    const found = await service.client.ask<{ attachment: AttachmentData }>(
      'query ($id: ID!) { attachment(id: $id) { description { raw html } } }',
      { id: before.id },
    );
    expect(found.attachment.description).toEqual({ raw: '*old*', html: '<p><em>old</em></p>' });
    expect(plainHtml('*old*')).not.toBe(found.attachment.description?.html);
  });
});
