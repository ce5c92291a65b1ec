import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, openAsBlob } from 'node:fs';
import { open, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ApolloClient, gql, InMemoryCache } from '@apollo/client';
import { fetchExchange, Client as UrqlClient } from '@urql/core';
import UploadHttpLink from 'apollo-upload-client/UploadHttpLink.mjs';
import { type SpawnedService, spawnService } from '../../support/spawned-service.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';

const run = promisify(execFile);

interface Created {
  createAttachment: {
    attachment: { id: string; fileName: string; size: number; url: string; downloadUrl: string };
  };
}

const create = `mutation Create($file: Upload!) {
  createAttachment(input: { content: { upload: $file } }) { attachment { id fileName size url downloadUrl } } }`;
const link = `mutation Link($id: ID!, $record: RecordInput!) {
  linkAttachments(input: { record: $record, attachmentIds: [$id], mode: ADD }) { field { version links { attachment { id } } } } }`;
const claim = `mutation Claim($id: ID!, $record: RecordInput!) {
  claimAttachment(input: { attachmentId: $id, record: $record }) { alreadyClaimed attachment { id } } }`;
const list = `query List($filter: AttachmentFilter) { attachments(filter: $filter) { nodes { id fileName size } } }`;

/** Far more than a client or the service takes in at once. */
const largeMebibytes = 64;

/** One way to talk to the service, as its users do. */
interface Talk {
  upload(path: string, name: string): Promise<Created>;
  ask(query: string, variables: object): Promise<unknown>;
}

const sandboxPdf = Buffer.concat([
  Buffer.from('%PDF-1.4\n'),
  randomBytes(3 * 2 ** 20),
  Buffer.from('\n%%EOF'),
]);

describe('real clients create, claim, link, list and fetch', () => {
  let service: SpawnedService;
  let directory: string;
  const files: { name: string; path: string }[] = [];

  beforeAll(async () => {
    directory = await makeTemporaryDirectory();
    service = await spawnService({
      DATA_DIR: join(directory, 'data'),
      MAX_FILE_SIZE: String(2 * largeMebibytes * 2 ** 20),
      RATE_LIMIT_PER_MINUTE: '0',
    });
    const add = (name: string) => {
      files.push({ name, path: join(directory, `file-${files.length}`) });
      return files.at(-1)?.path ?? '';
    };
    await writeFile(add('contract.pdf'), sandboxPdf);
    await writeFile(add('nothing.txt'), '');
    await writeFile(add('🎉 größe 文.txt'), 'party');
    await writeNoise(add(`${largeMebibytes} MiB.bin`), largeMebibytes);
  });
  afterAll(async () => {
    await service.end('SIGTERM');
    await rm(directory, { recursive: true, force: true });
  });

  const authorization = () => `Bearer ${service.client.key}`;

  const clients: [string, () => Talk][] = [
    ['curl', () => curlTalk(`${service.url}/graphql`, authorization())],
    ['@apollo/client with apollo-upload-client', () => apolloTalk(`${service.url}/graphql`, authorization())],
    ['@urql/core', () => urqlTalk(`${service.url}/graphql`, authorization())],
  ];

  test.each(clients)(
    '%s',
    async (client, makeTalk) => {
      const talk = makeTalk();
      const record = { type: 'Document', id: client };
      const ids: string[] = [];
      for (const { name, path } of files) {
        const { attachment } = (await talk.upload(path, name)).createAttachment;
        expect(attachment.fileName).toBe(name.normalize('NFC'));
        expect(await talk.ask(claim, { id: attachment.id, record })).toMatchObject({
          claimAttachment: { alreadyClaimed: false },
        });
        await talk.ask(link, { id: attachment.id, record });
        ids.push(attachment.id);
        const original = await digest(createReadStream(path));
        const withCredential = await fetch(attachment.url, { headers: { authorization: authorization() } });
        expect(await digest(withCredential.body ?? [])).toBe(original);
        const signed = await fetch(attachment.downloadUrl);
        expect(await digest(signed.body ?? [])).toBe(original);
      }
      const listed = (await talk.ask(list, { filter: { record } })) as {
        attachments: { nodes: { id: string }[] };
      };
      expect(listed.attachments.nodes.map(({ id }) => id)).toEqual(ids.reverse());
    },
    240_000,
  );
});

async function writeNoise(path: string, mebibytes: number): Promise<void> {
  const file = await open(path, 'w');
  const block = randomBytes(2 ** 20);
  for (let index = 0; index < mebibytes; index += 1) {
    block.writeUInt32LE(index, 0);
    await file.write(block);
  }
  await file.close();
}

async function digest(content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of content) hash.update(chunk);
  return hash.digest('hex');
}

function curlTalk(url: string, authorization: string): Talk {
  const call = async (args: string[]) => {
    const { stdout } = await run('curl', ['-sS', url, '-H', `Authorization: ${authorization}`, ...args]);
    const { data, errors } = JSON.parse(stdout) as { data: unknown; errors?: unknown };
    expect(errors).toBeUndefined();
    return data;
  };
  return {
    upload: async (path, name) =>
      (await call([
        ...['-H', 'Apollo-Require-Preflight: true'],
        ...['-F', `operations=${JSON.stringify({ query: create, variables: { file: null } })}`],
        ...['-F', 'map={"0":["variables.file"]}'],
        ...['-F', `0=@${path};filename=${name}`],
      ])) as Created,
    ask: (query, variables) =>
      call(['-H', 'Content-Type: application/json', '--data-raw', JSON.stringify({ query, variables })]),
  };
}

function apolloTalk(uri: string, authorization: string): Talk {
  const headers = { authorization, 'Apollo-Require-Preflight': 'true' };
  const client = new ApolloClient({ cache: new InMemoryCache(), link: new UploadHttpLink({ uri, headers }) });
  return {
    upload: async (path, name) => {
      const variables = { file: await asFile(path, name) };
      const { data } = await client.mutate<Created>({ mutation: gql(create), variables });
      if (!data) throw new Error('No data.');
      return data;
    },
    ask: async (query, variables) => {
      const document = gql(query);
      const { data } = query.startsWith('query')
        ? await client.query({ query: document, variables, fetchPolicy: 'network-only' })
        : await client.mutate({ mutation: document, variables });
      return data;
    },
  };
}

function urqlTalk(url: string, authorization: string): Talk {
  const headers = { authorization, 'Apollo-Require-Preflight': 'true' };
  const client = new UrqlClient({
    url,
    exchanges: [fetchExchange],
    fetchOptions: { headers },
    preferGetMethod: false,
  });
  const ask = async (query: string, variables: object) => {
    const request = query.startsWith('query')
      ? client.query(query, variables)
      : client.mutation(query, variables);
    const { data, error } = await request.toPromise();
    if (error) throw error;
    return data as unknown;
  };
  return {
    upload: async (path, name) => (await ask(create, { file: await asFile(path, name) })) as Created,
    ask,
  };
}

/** Backed by the file, so that 300 MiB need not fit into memory. */
const asFile = async (path: string, name: string) => new File([await openAsBlob(path)], name);
