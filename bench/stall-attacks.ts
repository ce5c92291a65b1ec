import { setTimeout as sleep } from 'node:timers/promises';
import { startPolicyServer } from '../test/service/access/policy-server.js';
import { queryRequest } from './service-requests.js';
import {
  type Attack,
  anonymous,
  askAll,
  describeAndRead,
  openSockets,
  sendDistinctDocuments,
  sendPings,
  sendUnread,
  stallDownloads,
  tellSubscribers,
} from './stall-clients.js';
import { connectionAttacks } from './stall-connections.js';

const aliases = (count: number, of: string, prefix = 'a') =>
  Array.from({ length: count }, (_, index) => `${prefix}${index}: ${of}`).join(' ');

/** Introspection in which each level multiplies the one before. */
const introspection = (types: number, fields: number, names: number): string =>
  `{ __schema { types { ${aliases(types, 'fields { ...G }')} } } }
   fragment G on __Field { type { ofType { ...F } } }
   fragment F on __Type { ${aliases(fields, `fields { ${aliases(names, '__typename', 't')} }`, 'f')} }`;

const differentUrls = `{ attachments(first: 1000) { nodes { ${Array.from(
  { length: 48 },
  (_, index) => `a${index}: downloadUrl(expiresIn: ${300 + index * 60})`,
).join(' ')} } } }`;

const wholeList = `{ attachments(first: 1000) { nodes {
  id fileName contentType size status createdAt updatedAt url downloadUrl documentKey organizationId
  digest { algorithm hash } createdBy { id kind name } description { raw html } record { type id: recordId } } } }`;

const wideTable = [`|${'a|'.repeat(1200)}`, `|${'-|'.repeat(1200)}`, ...Array(2551).fill('a')]
  .join('\n')
  .slice(0, 9_902);

export const attacks: readonly Attack[] = [
  {
    name: 'introspection of 52 MB, no credential',
    run: (service) => askAll(service, anonymous(introspection(6, 7, 200)), 1),
  },
  {
    name: '25 introspections that nobody reads',
    run: (service) => sendUnread(service, anonymous(introspection(6, 7, 700)), 25),
  },
  {
    name: 'Markdown: a table of 1,200 columns',
    run: (service) => describeAndRead(service, wideTable),
  },
  {
    name: 'Markdown: emphasis that never ends',
    run: (service) => describeAndRead(service, '_*a'.repeat(3_300)),
  },
  {
    name: 'Markdown: quotes within lists within quotes',
    run: (service) => describeAndRead(service, '> - '.repeat(2_500)),
  },
  {
    name: 'six lists before a slow record authorizer',
    rows: 10_000,
    prepare: slowAuthorizer,
    run: (service) =>
      askAll(service, queryRequest(service, '{ attachments(first: 1000) { nodes { id } } }'), 6),
  },
  {
    name: 'totalCount of a million, six at once',
    rows: 1_000_000,
    run: (service) =>
      askAll(
        service,
        queryRequest(service, '{ attachments(filter: { status: [APPROVED] }) { totalCount } }'),
        6,
      ),
  },
  {
    name: 'fileNameContains in a million, six at once',
    rows: 1_000_000,
    run: (service) =>
      askAll(
        service,
        queryRequest(
          service,
          '{ attachments(filter: { fileNameContains: "nowhere" }) { nodes { id } totalCount } }',
        ),
        6,
      ),
  },
  {
    name: '48,000 download URLs',
    rows: 10_000,
    run: (service) =>
      askAll(
        service,
        queryRequest(service, `{ attachments(first: 1000) { nodes { ${aliases(48, 'downloadUrl')} } } }`),
        1,
      ),
  },
  {
    name: '48,000 download URLs, each unlike the others',
    rows: 10_000,
    run: (service) => askAll(service, queryRequest(service, differentUrls), 4),
  },
  {
    name: '1,000 whole attachments, 16 at once',
    rows: 10_000,
    run: (service) => askAll(service, queryRequest(service, wholeList), 16),
  },
  {
    name: '40 documents of 1,900 unknown fields, no credential',
    run: (service) =>
      askAll(
        service,
        anonymous(`{ ${Array.from({ length: 1900 }, (_, n) => `atachment${n}`).join(' ')} }`),
        40,
      ),
  },
  { name: '24,000 distinct documents', run: sendDistinctDocuments },
  {
    name: '24,000 distinct documents, no credential',
    run: (service) => sendDistinctDocuments({ ...service, apiKey: '' }),
  },
  { name: '4,060 WebSockets of one key', run: openSockets },
  { name: '200,000 pings', run: sendPings },
  { name: 'five changes before 2,000 subscribers of one key', run: tellSubscribers },
  { name: '100 downloads that nobody reads', run: stallDownloads },
  {
    name: 'a filter of 20,000 types',
    run: (service) =>
      askAll(
        service,
        queryRequest(
          service,
          'query ($types: [String!]) { attachments(filter: { contentType: $types }) { totalCount } }',
          {
            types: Array.from({ length: 20_000 }, (_, index) => `image/x${index}`),
          },
        ),
        4,
      ),
  },
  {
    name: '16 MiB of base64 that look like numbers',
    run: (service) =>
      askAll(
        service,
        queryRequest(service, createFromText, {
          input: { content: { base64: nearlyNumbers() }, fileName: 'a.txt' },
        }),
        4,
      ),
  },
  {
    name: '16 MiB in place of an enum value',
    run: (service) =>
      askAll(
        service,
        queryRequest(
          service,
          'query ($status: [AttachmentStatus!]) { attachments(filter: { status: $status }) { totalCount } }',
          { status: nearlyNumbers() },
        ),
        4,
      ),
  },
  {
    name: '16 bodies of 1 MiB of numbers, no credential',
    run: (service) => askAll(service, anonymous('{ viewer { organizationId } }', Array(240_000).fill(1)), 16),
  },
  ...connectionAttacks,
];

const createFromText =
  'mutation ($input: CreateAttachmentInput!) { createAttachment(input: $input) { attachment { id } } }';

/** As long a JSON body as is permitted, of digits that are nearly numbers too long to be kept. */
function nearlyNumbers(): string {
  const digits = '111111111111111A';
  return digits.repeat(Math.floor((16 * 1024 * 1024 * 4) / 3 / digits.length));
}

async function slowAuthorizer(): Promise<AsyncDisposable & { environment: NodeJS.ProcessEnv }> {
  const policy = await startPolicyServer();
  policy.decide = () => sleep(20, true);
  return {
    environment: { RECORD_AUTHORIZER_URL: policy.url },
    [Symbol.asyncDispose]: () => policy.close(),
  };
}
