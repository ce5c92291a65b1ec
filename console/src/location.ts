import { useSyncExternalStore } from 'react';

/** All that the page shows is in the query of its address, so that it can be sent to somebody. */
export type Place = Readonly<Record<string, string>>;

const listeners = new Set<() => void>();
let search = location.search;
let place: Place = read();

function read(): Place {
  return Object.fromEntries(new URLSearchParams(location.search));
}

function note(): void {
  if (search !== location.search) place = read();
  search = location.search;
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  addEventListener('popstate', note);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) removeEventListener('popstate', note);
  };
}

export const usePlace = (): Place => useSyncExternalStore(subscribe, () => place);

/** Changes that leave nothing of a place. */
export const nothingOf = (from: Place): Readonly<Record<string, null>> =>
  Object.fromEntries(Object.keys(from).map((name) => [name, null]));

/** The address of a place with some changes; null takes a parameter away. */
export function addressOf(changes: Readonly<Record<string, string | null>>): string {
  const next = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === '') next.delete(name);
    else next.set(name, value);
  }
  const text = next.toString();
  return text === '' ? location.pathname : `?${text}`;
}

/** Goes there; `isSmall` changes, such as each letter of a search, make no entry of their own in the history. */
export function go(changes: Readonly<Record<string, string | null>>, isSmall = false): void {
  if (isSmall) history.replaceState(null, '', addressOf(changes));
  else history.pushState(null, '', addressOf(changes));
  note();
}
