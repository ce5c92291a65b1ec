import type { TypedDocumentNode } from '@graphql-typed-document-node/core';
import { type AnyVariables, Client, type CombinedError, fetchExchange } from '@urql/core';
import { type Claimcheck, createClaimcheck } from 'claimcheck/client';
import { authorizationOf } from './session';

/** The service's base: the page's own address, without its query. */
const base = () => new URL('.', location.href).href;

/** An answer that was refused, in words. */
export class RefusedError extends Error {
  constructor(
    message: string,
    readonly code: string | null,
  ) {
    super(message);
  }
}

/** The service as one credential sees it. */
export interface Api {
  ask<Data, Variables extends AnyVariables>(
    document: TypedDocumentNode<Data, Variables>,
    variables: Variables,
  ): Promise<Data>;
  claimcheck: Claimcheck;
}

export function createApi(credential: string): Api {
  const authorization = authorizationOf(credential);
  const client = new Client({
    url: new URL('graphql', base()).href,
    exchanges: [fetchExchange],
    preferGetMethod: false,
    fetchOptions: { headers: { authorization } },
  });
  return {
    claimcheck: createClaimcheck({ url: base(), credential: authorization.replace(/^\w+ /, '') }),
    ask: async (document, variables) => {
      const { data, error } = await client.query(document, variables).toPromise();
      if (data === undefined || data === null) throw refusalOf(error);
      return data;
    },
  };
}

function refusalOf(error: CombinedError | undefined): RefusedError {
  const [first] = error?.graphQLErrors ?? [];
  const code = first?.extensions?.['code'];
  const message = first?.message ?? error?.networkError?.message ?? '';
  return new RefusedError(message, typeof code === 'string' ? code : null);
}
