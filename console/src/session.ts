import { forgetTab } from './uploads/kept-files';

/** The explorer has the same key, so that one sign-in is enough for both. */
const storageKey = 'claimcheck:credential';
const listeners = new Set<() => void>();
let wasRefused = false;

/** The credential, as it was typed; empty if nobody is signed in. The tab alone remembers it, until it is closed. */
export const readCredential = (): string => sessionStorage.getItem(storageKey) ?? '';

/** Calls `listener` after each change, until the result is called. */
export function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Whether the last credential was refused, and none was typed since. */
export const readRefused = (): boolean => wasRefused;

/** An empty one signs out. */
export function setCredential(credential: string): void {
  if (credential === '') void forgetTab();
  keep(credential, false);
}

/** Asks for another one. Uploads that the tab has kept go on once their owner has signed in again. */
export function refuseCredential(credential: string): void {
  if (credential === readCredential()) keep('', true);
}

function keep(credential: string, isRefused: boolean): void {
  wasRefused = isRefused;
  if (credential === '') sessionStorage.removeItem(storageKey);
  else sessionStorage.setItem(storageKey, credential);
  for (const listener of listeners) listener();
}

/** A key or token without a scheme gets one. */
export function authorizationOf(credential: string): string {
  return /^(basic|bearer) /i.test(credential) ? credential : `Bearer ${credential}`;
}

/** Whether a request can have this header: a browser sends none of which a character is of another alphabet. */
export function isHeader(authorization: string): boolean {
  try {
    return new Headers({ authorization }).has('authorization');
  } catch {
    return false;
  }
}
