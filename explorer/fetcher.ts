import { createGraphiQLFetcher, type Fetcher, type FetcherOpts } from '@graphiql/toolkit';
import { Kind, type OperationDefinitionNode, parse } from 'graphql';
import { createClient } from 'graphql-ws';
import { authorization, type ChosenFile, readSession } from './session';

/** Beside this script's folder, whatever path a proxy has put before both. */
const endpoint = new URL('../graphql', import.meta.url);

interface Operation {
  query: string;
  operationName?: string | null;
  variables?: Record<string, unknown>;
}

/** Sends operations with the typed credential and the chosen files, and subscriptions by WebSocket. */
export const fetcher: Fetcher = (operation, options) =>
  createGraphiQLFetcher({
    url: endpoint.href,
    fetch: send,
    enableIncrementalDelivery: false,
    // A socket for each subscription, since each may have a credential of its own.
    wsClient: createClient({
      url: endpoint.href.replace(/^http/, 'ws'),
      connectionParams: () => ({ authorization: credentialOf(options) }),
      shouldRetry: () => false,
    }),
  })(operation, options);

/** The header of the tab, if it has one; else the typed credential. Undefined for none. */
function credentialOf(options: FetcherOpts | undefined): string | undefined {
  const headers: Record<string, unknown> = options?.headers ?? {};
  const name = Object.keys(headers).find((key) => key.toLowerCase() === 'authorization') ?? '';
  return typeof headers[name] === 'string' ? headers[name] : (authorization() ?? undefined);
}

const send: typeof fetch = (url, init = {}) => {
  const headers = new Headers(init.headers);
  const credential = authorization();
  if (credential !== null && !headers.has('authorization')) headers.set('authorization', credential);
  headers.set('apollo-require-preflight', 'true');
  const operation = JSON.parse(String(init.body)) as Operation;
  const declared = variablesOf(operation);
  const files = readSession().files.filter((file) => isFor(declared, file));
  if (files.length === 0) return fetch(url, { ...init, headers });
  headers.delete('content-type');
  return fetch(url, { ...init, headers, body: formOf(operation, files) });
};

/** A file goes with the operations that declare its variable. */
function isFor(declared: ReadonlySet<string>, { path, file }: ChosenFile): boolean {
  const [variable = ''] = path.split('.', 1);
  return file !== null && declared.has(variable);
}

/** The variables of the operation that is run; a document may have several. None if it cannot be parsed, which the service tells. */
function variablesOf({ query, operationName }: Operation): ReadonlySet<string> {
  try {
    const operations = parse(query).definitions.filter(({ kind }) => kind === Kind.OPERATION_DEFINITION);
    const all = operations as OperationDefinitionNode[];
    const chosen = all.find(({ name }) => name?.value === operationName) ?? all[0];
    return new Set(chosen?.variableDefinitions?.map(({ variable }) => variable.name.value));
  } catch {
    return new Set();
  }
}

/** The multipart request of an operation: each file's place in the variables is null and named in the map. */
function formOf(operation: Operation, files: readonly ChosenFile[]): FormData {
  const variables = structuredClone(operation.variables ?? {});
  for (const { path } of files) setNull(variables, path.split('.'));
  const form = new FormData();
  form.set('operations', JSON.stringify({ ...operation, variables }));
  form.set(
    'map',
    JSON.stringify(Object.fromEntries(files.map(({ path }, index) => [index, [`variables.${path}`]]))),
  );
  for (const [index, { file }] of files.entries()) if (file) form.set(String(index), file, file.name);
  return form;
}

/** Sets the value at the path to null. Makes the objects on the way that are missing. */
function setNull(within: Record<string, unknown>, [name = '', ...rest]: readonly string[]): void {
  if (rest.length === 0) {
    within[name] = null;
    return;
  }
  const inner = Object.hasOwn(within, name) ? within[name] : undefined;
  const next = typeof inner === 'object' && inner !== null ? inner : {};
  within[name] = next;
  setNull(next as Record<string, unknown>, rest);
}
