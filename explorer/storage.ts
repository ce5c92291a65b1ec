import type { Storage as ExplorerStorage } from '@graphiql/toolkit';

/** Names under which the history is kept. */
const historyNames: ReadonlySet<string> = new Set(['graphiql:queries', 'graphiql:favorites']);

/** Without the headers that the history adds to each operation. */
function withoutHeaders(history: string): string {
  try {
    return JSON.stringify(JSON.parse(history, (name, value) => (name === 'headers' ? undefined : value)));
  } catch {
    return history;
  }
}

const keptOf = (name: string, value: string) => (historyNames.has(name) ? withoutHeaders(value) : value);

/** The storage that outlives the tab, for all but headers: there may be a credential in them, and the history would keep it for good. */
export const storage: ExplorerStorage = {
  get length() {
    return localStorage.length;
  },
  getItem: (name) => {
    const value = localStorage.getItem(name);
    return value === null ? null : keptOf(name, value);
  },
  setItem: (name, value) => localStorage.setItem(name, keptOf(name, value)),
  removeItem: (name) => localStorage.removeItem(name),
  clear: () => localStorage.clear(),
};
