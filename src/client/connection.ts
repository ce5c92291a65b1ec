import {
  type Answer,
  ClaimcheckError,
  dataOf,
  errorOf,
  onAbort,
  unreachable,
  withRetries,
} from './client-error.js';
import { documentOf } from './documents.js';
import type { Outgoing, Platform, ResumeStore } from './platform.js';
import type { Operations } from './schema-types.js';

export interface ClaimcheckOptions {
  /** The service's base, such as `https://files.example.org`. */
  url: string;
  /** An API key or a JSON Web Token, or a function that is asked for one before each request. */
  credential: string | (() => string | Promise<string>);
  /** How often a request that failed for a passing reason is repeated; 5 if left out. */
  retries?: number | undefined;
  /** Remembers uploads under way. If left out, `localStorage` in browsers and nothing in Node; null for nothing. */
  store?: ResumeStore | null | undefined;
}

/** Requests to one service, with the credential and the retries of its client. */
export class Connection {
  /** The service, as a URL that ends with a slash. */
  readonly base: string;
  readonly platform: Platform;
  readonly repeats: number;
  readonly store: ResumeStore | null;
  readonly #credential: ClaimcheckOptions['credential'];

  constructor({ url, credential, retries = 5, store }: ClaimcheckOptions, platform: Platform) {
    const base = new URL(url);
    if (!/^https?:$/.test(base.protocol)) throw new TypeError(`${url} is no http or https URL.`);
    if (!['string', 'function'].includes(typeof credential)) throw new TypeError('No credential.');
    this.platform = platform;
    this.repeats = retries;
    this.store = store === undefined ? platform.store : store;
    this.base = `${base.origin}${base.pathname.replace(/\/*$/, '/')}`;
    this.#credential = credential;
  }

  /** The data of an operation, after as many attempts as it takes. */
  async ask<Name extends keyof Operations>(
    name: Name,
    variables: Operations[Name]['variables'],
    signal?: AbortSignal,
    repeats = this.repeats,
  ): Promise<Operations[Name]['data']> {
    return withRetries({ repeats, signal }, () => this.askOnce(name, variables, signal));
  }

  async askOnce<Name extends keyof Operations>(
    name: Name,
    variables: Operations[Name]['variables'],
    signal?: AbortSignal,
  ): Promise<Operations[Name]['data']> {
    const response = await this.post('graphql', name, variables, 'application/json', signal);
    return dataOf(await read(response)) as Operations[Name]['data'];
  }

  /** One attempt of an operation, whose answer is not looked into. */
  async post<Name extends keyof Operations>(
    path: string,
    name: Name,
    variables: Operations[Name]['variables'],
    accept: string,
    signal: AbortSignal | undefined,
  ): Promise<Response> {
    const headers = { ...(await this.#headers(signal)), accept, 'content-type': 'application/json' };
    const body = JSON.stringify({ query: documentOf(name), variables });
    return this.#fetch(path, { method: 'POST', headers, body, signal: signal ?? null });
  }

  /** One attempt of an operation whose content is the file of a form. */
  async postFile<Name extends keyof Operations>(
    name: Name,
    variables: Operations[Name]['variables'],
    file: { name: string; content: Blob },
    { signal, onSent }: Pick<Outgoing, 'signal' | 'onSent'>,
  ): Promise<Operations[Name]['data']> {
    const body = new FormData();
    body.set('operations', JSON.stringify({ query: documentOf(name), variables }));
    body.set('map', '{"0":["variables.input.content.upload"]}');
    body.set('0', file.content, file.name);
    const headers = { ...(await this.#headers(signal)), accept: 'application/json' };
    const url = `${this.base}graphql`;
    const answer = await this.platform.send({ method: 'POST', url, headers, body, signal, onSent });
    return dataOf(answer) as Operations[Name]['data'];
  }

  /** The answer to a GET. Throws ClaimcheckError for a refusal. */
  async get(path: string, headers: Record<string, string>, signal?: AbortSignal): Promise<Response> {
    return withRetries({ repeats: this.repeats, signal }, async () => {
      const all = { ...(await this.#headers(signal)), ...headers };
      const response = await this.#fetch(path, { headers: all, signal: signal ?? null });
      if (!response.ok) throw errorOf(await read(response));
      return response;
    });
  }

  async #headers(signal: AbortSignal | undefined): Promise<Record<string, string>> {
    const given = this.#credential;
    try {
      const credential = typeof given === 'string' ? given : await unlessAborted(given(), signal);
      const authorization = /^(basic|bearer) /i.test(credential) ? credential : `Bearer ${credential}`;
      new Headers({ authorization });
      return { authorization, 'apollo-require-preflight': 'true' };
    } catch (cause) {
      if (typeof given === 'string')
        throw new ClaimcheckError({
          message: 'The credential is no header.',
          code: 'UNAUTHENTICATED',
          cause,
        });
      // The function usually asks a server, which can be away as the service can be: `fetch` throws a TypeError if nothing answers, and
      // `Headers` if the page of a proxy did.
      throw cause instanceof TypeError ? unreachable(cause) : cause;
    }
  }

  async #fetch(path: string, init: RequestInit): Promise<Response> {
    try {
      return await fetch(`${this.base}${path}`, init);
    } catch (error) {
      init.signal?.throwIfAborted();
      throw unreachable(error);
    }
  }
}

/** The outcome of the work. Rejects with the signal's reason once that is aborted, whatever becomes of the work. */
async function unlessAborted<T>(work: Promise<T> | T, signal: AbortSignal | undefined): Promise<T> {
  signal?.throwIfAborted();
  let letGo = () => {};
  const aborted = new Promise<never>((_, reject) => {
    letGo = onAbort(signal, () => reject(signal?.reason));
  });
  return Promise.race([work, aborted]).finally(letGo);
}

/** An answer, read to its end. Throws ClaimcheckError if it breaks off. */
export async function read(response: Response): Promise<Answer> {
  const { status, headers } = response;
  const header = (name: string) => headers.get(name);
  try {
    return { status, text: await response.text(), header };
  } catch (error) {
    throw unreachable(error);
  }
}
