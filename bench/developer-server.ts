import 'reflect-metadata';
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ApolloServer } from '@apollo/server';
import fastifyApollo from '@as-integrations/fastify';
import Fastify from 'fastify';
import { GraphQLUpload, processRequest } from 'graphql-upload-minimal';
import { Column, CreateDateColumn, DataSource, Entity, PrimaryColumn } from 'typeorm';

/*
 * A server that a developer writes in an afternoon, each library used by its book: Apollo Server on Fastify,
 * graphql-upload-minimal, TypeORM and sqlite3. No credential, no check, and nothing is synced to the disk before it is
 * acknowledged. `node developer-server.js <directory>` prints its address.
 */

const directory = process.argv[2];
if (directory === undefined) throw new Error('usage: developer-server.js <directory>');
const root = directory;

@Entity()
class Attachment {
  @PrimaryColumn('varchar') id!: string;
  @Column('varchar') fileName!: string;
  @Column('varchar') contentType!: string;
  @Column('varchar') status!: string;
  @Column('integer') size!: number;
  @Column('varchar') md5!: string;
  @Column('varchar') sha256!: string;
  @CreateDateColumn() createdAt!: Date;
}

const dataSource = await new DataSource({
  type: 'sqlite',
  database: join(root, 'attachments.sqlite'),
  entities: [Attachment],
  synchronize: true,
  enableWAL: true,
}).initialize();
await dataSource.query('PRAGMA synchronous = NORMAL');
const attachments = dataSource.getRepository(Attachment);

const typeDefs = `
  scalar Upload
  input ContentInput { upload: Upload! }
  input CreateAttachmentInput { content: ContentInput! }
  type Digest { hash: String! }
  type Attachment {
    id: ID! url: String! fileName: String! contentType: String! size: Int! status: String! createdAt: String! digest: Digest!
  }
  type Attachments { nodes: [Attachment!]! }
  type CreateAttachmentPayload { attachment: Attachment! }
  type Query { attachment(id: ID!): Attachment attachments(first: Int!): Attachments! }
  type Mutation { createAttachment(input: CreateAttachmentInput!): CreateAttachmentPayload! }
`;

interface File {
  filename: string;
  mimetype: string;
  createReadStream(): Readable;
}

interface Input {
  input: { content: { upload: Promise<File> } };
}

async function createAttachment(_: unknown, { input }: Input): Promise<object> {
  const { filename, mimetype, createReadStream } = await input.content.upload;
  const id = randomUUID();
  const md5 = createHash('md5');
  const sha256 = createHash('sha256');
  let size = 0;
  const stream = createReadStream().on('data', (chunk: Buffer) => {
    md5.update(chunk);
    sha256.update(chunk);
    size += chunk.length;
  });
  await pipeline(stream, createWriteStream(join(root, id)));
  const digests = { md5: md5.digest('hex'), sha256: sha256.digest('hex') };
  const attachment = attachments.create({
    id,
    fileName: filename,
    contentType: mimetype,
    status: 'APPROVED',
    size,
    ...digests,
  });
  await attachments.insert(attachment);
  return { attachment };
}

const resolvers = {
  Upload: GraphQLUpload,
  Attachment: {
    url: ({ id }: Attachment) => `${origin}/attachments/${id}`,
    digest: ({ sha256 }: Attachment) => ({ hash: sha256 }),
    createdAt: ({ createdAt }: Attachment) => createdAt.toISOString(),
  },
  Query: {
    attachment: (_: unknown, { id }: { id: string }) => attachments.findOneBy({ id }),
    attachments: async (_: unknown, { first }: { first: number }) => ({
      nodes: await attachments.find({ order: { createdAt: 'DESC', id: 'DESC' }, take: first }),
    }),
  },
  Mutation: { createAttachment },
};

const apollo = new ApolloServer({ typeDefs, resolvers });
await apollo.start();
const server = Fastify();
server.addContentTypeParser('multipart/form-data', async () => undefined);
server.addHook('preHandler', async (request, { raw }) => {
  if (request.headers['content-type']?.startsWith('multipart/')) {
    request.body = await processRequest(request.raw, raw);
  }
});
server.get<{ Params: { id: string } }>('/attachments/:id', async ({ params: { id } }, reply) => {
  const attachment = await attachments.findOneBy({ id });
  if (!attachment) return reply.code(404).send();
  reply.header('content-type', attachment.contentType).header('content-length', attachment.size);
  return reply.send(createReadStream(join(root, id)));
});
await server.register(fastifyApollo(apollo));
const origin = await server.listen({ host: '127.0.0.1', port: 0 });
console.log(origin);
