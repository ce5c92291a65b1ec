import { createHash, randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ApolloServer } from '@apollo/server';
import fastifyApollo from '@as-integrations/fastify';
import Fastify from 'fastify';
import { GraphQLUpload, processRequest } from 'graphql-upload-minimal';

/*
 * A server of the libraries alone: Fastify, Apollo Server and graphql-upload-minimal store the part of a request durably, with
 * the same digests, and answer with it. No credential, no check, no database. `node minimal-server.js <directory>` prints its
 * address.
 */

const directory = process.argv[2];
if (directory === undefined) throw new Error('usage: minimal-server.js <directory>');
const root = directory;

const typeDefs = `
  scalar Upload
  input ContentInput { upload: Upload! }
  input CreateAttachmentInput { content: ContentInput! }
  type Digest { hash: String! }
  type Attachment { id: ID! url: String! size: Int! contentType: String! digest: Digest! }
  type CreateAttachmentPayload { attachment: Attachment! }
  type Query { one: Int! }
  type Mutation { createAttachment(input: CreateAttachmentInput!): CreateAttachmentPayload! }
`;

interface File {
  mimetype: string;
  createReadStream(): Readable;
}

interface Input {
  input: { content: { upload: Promise<File> } };
}

async function createAttachment(_: unknown, { input }: Input): Promise<object> {
  const { mimetype, createReadStream } = await input.content.upload;
  const id = randomUUID();
  const md5 = createHash('md5');
  const sha256 = createHash('sha256');
  let size = 0;
  const stream = createReadStream().on('data', (chunk: Buffer) => {
    md5.update(chunk);
    sha256.update(chunk);
    size += chunk.length;
  });
  await pipeline(stream, createWriteStream(join(root, id), { flush: true }));
  md5.digest();
  return {
    attachment: {
      id,
      url: `/attachments/${id}`,
      size,
      contentType: mimetype,
      digest: { hash: sha256.digest('hex') },
    },
  };
}

const resolvers = { Upload: GraphQLUpload, Query: { one: () => 1 }, Mutation: { createAttachment } };
const apollo = new ApolloServer({ typeDefs, resolvers });
await apollo.start();
const server = Fastify();
server.addContentTypeParser('multipart/form-data', async () => undefined);
server.addHook('preHandler', async (request, { raw }) => {
  request.body = await processRequest(request.raw, raw);
});
await server.register(fastifyApollo(apollo));
console.log(await server.listen({ host: '127.0.0.1', port: 0 }));
