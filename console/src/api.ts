import type { TypedDocumentNode } from '@graphql-typed-document-node/core';
import { type AnyVariables, Client, type CombinedError, fetchExchange } from '@urql/core';
import { type Claimcheck, createClaimcheck } from 'claimcheck/client';
import { noteLost, noteReached } from './reach';
import { authorizationOf, refuseCredential } from './session';

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

/** The code of a credential that is not good, or not any more. */
export const unauthenticated = 'UNAUTHENTICATED';

/** The service as one credential sees it. */
export interface Api {
  /** Reads. Parts of the answer that were refused are null. A credential that is not good any more is asked for anew. */
  ask<Data, Variables extends AnyVariables>(
    document: TypedDocumentNode<Data, Variables>,
    variables: Variables,
  ): Promise<Data>;
  /**
   * Changes something. An answer that was refused in part is refused. A `File` among the variables is sent along. The page stays
   * even if the credential has ended, with all that was typed.
   */
  change<Data, Variables extends AnyVariables>(
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
    fetchOptions: { headers: { authorization, 'apollo-require-preflight': 'true' } },
  });
  return {
    claimcheck: createClaimcheck({ url: base(), credential: authorization.replace(/^\w+ /, '') }),
    ask: async (document, variables) => {
      const { data, error } = await client.query(document, variables).toPromise();
      note(error);
      if (error?.graphQLErrors.some(isUnauthenticated)) {
        refuseCredential(credential);
        throw new RefusedError('', unauthenticated);
      }
      if (data === undefined || data === null) throw refusalOf(error);
      return data;
    },
    change: async (document, variables) => {
      const { data, error } = await client.mutation(document, variables).toPromise();
      note(error);
      if (error || data === undefined || data === null) throw refusalOf(error);
      return data;
    },
  };
}

const isUnauthenticated = ({ extensions }: CombinedError['graphQLErrors'][number]) =>
  extensions?.['code'] === unauthenticated;

/** Tells whether the service has answered, whatever it said. */
function note(error: CombinedError | undefined): void {
  if (error?.networkError && error.response === undefined) noteLost();
  else noteReached();
}

function refusalOf(error: CombinedError | undefined): RefusedError {
  const [first] = error?.graphQLErrors ?? [];
  const code = first?.extensions?.['code'];
  const details = first?.extensions?.['details'];
  const faults = Array.isArray(details) ? details.map(({ msg }) => String(msg)) : [];
  const message = faults.join(' ') || (first?.message ?? error?.networkError?.message ?? '');
  return new RefusedError(message, typeof code === 'string' ? code : null);
}
