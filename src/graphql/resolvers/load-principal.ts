import type { GraphqlContext } from '../context.js';
import type { Principal } from '../types/credentials.js';

/** The principal of an id. One that has no row is of the given kind, and has no name. */
export async function loadPrincipal(
  { loaders }: GraphqlContext,
  id: string,
  kind: Principal['kind'] = 'USER',
): Promise<Principal> {
  return (await loaders.principal.load(id)) ?? { id, kind, name: null };
}
