import { forgetTab } from './uploads/kept-files';

/** The explorer has the same key, so that one sign-in is enough for both. */
const storageKey = 'claimcheck:credential';
const listeners = new Set<() => void>();

/** The credential, as it was typed; empty if nobody is signed in. The tab alone remembers it, until it is closed. */
export const readCredential = (): string => sessionStorage.getItem(storageKey) ?? '';

/** Calls `listener` after each change, until the result is called. */
export function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function setCredential(credential: string): void {
  if (credential === '') {
    sessionStorage.removeItem(storageKey);
    void forgetTab();
  } else sessionStorage.setItem(storageKey, credential);
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
