import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { type CryptoKey, exportJWK, generateKeyPair, type JWK } from 'jose';

/** A key pair with its public half as an issuer publishes it. */
export interface IssuerKey {
  kid: string;
  alg: string;
  privateKey: CryptoKey;
  publicKey: CryptoKey;
  publicJwk: JWK;
}

export async function newIssuerKey(kid: string, alg = 'RS256'): Promise<IssuerKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  const publicJwk = { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' };
  return { kid, alg, privateKey, publicKey, publicJwk };
}

export interface JwksServer extends AsyncDisposable {
  url: string;
  /** Publishes these keys from now on. */
  publish(...keys: IssuerKey[]): void;
  /** From now on requests stay without an answer. */
  hang(): void;
  /** From now on there are so many blanks behind the keys. The result tells how many bytes have been taken. */
  pad(bytes: number): () => number;
  requests(): number;
}

function* blanks(bytes: number, tell: (bytes: number) => void): Generator<Buffer> {
  for (let left = bytes; left > 0; left -= 65_536) {
    const piece = Buffer.alloc(Math.min(left, 65_536), ' ');
    tell(piece.length);
    yield piece;
  }
}

export async function startJwksServer(...published: IssuerKey[]): Promise<JwksServer> {
  let keys: IssuerKey[] | null = published;
  let requests = 0;
  let padding = 0;
  let taken = 0;
  const server = createServer((_request, response) => {
    requests += 1;
    if (keys === null) return;
    response.setHeader('content-type', 'application/json');
    response.write(JSON.stringify({ keys: keys.map(({ publicJwk }) => publicJwk) }));
    Readable.from(blanks(padding, (bytes) => (taken += bytes))).pipe(response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json`,
    publish: (...next) => {
      keys = next;
    },
    hang: () => {
      keys = null;
    },
    pad: (bytes) => {
      padding = bytes;
      return () => taken;
    },
    requests: () => requests,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
