import type { UploadPlace } from 'claimcheck/react';

/** A file that is on its way, kept so that another load of the page goes on with it. */
export interface KeptFile {
  /** The idempotency key of its upload. */
  key: string;
  /** The tab that uploads it. */
  tab: string;
  /** The principal for whom it is uploaded. */
  owner: string;
  file: File;
  /** The record and field that it goes to. */
  place: UploadPlace;
  /** Milliseconds since 1970. */
  keptAt: number;
}

const tabKey = 'claimcheck:tab';
const storeName = 'files';
/** An upload that was left for so long is over at the service, too. */
const longestMs = 24 * 3_600_000;

/** Keeps a file. A browser that has no room, or may keep nothing, begins again after a reload. */
export async function keepFile(
  owner: string,
  { key, file, place }: Pick<KeptFile, 'key' | 'file' | 'place'>,
): Promise<void> {
  const entry: KeptFile = { key, tab: ownTab(), owner, file, place, keptAt: Date.now() };
  await inStore('readwrite', (store) => store.put(entry)).catch(() => undefined);
}

export async function forgetFile(key: string): Promise<void> {
  await inStore('readwrite', (store) => store.delete(key)).catch(() => undefined);
}

/** Files that this tab has kept for the owner. Those of tabs that are long gone are forgotten. */
export async function keptFiles(owner: string): Promise<KeptFile[]> {
  const all = await inStore<KeptFile[]>('readonly', (store) => store.getAll()).catch(() => []);
  const late = all.filter(({ keptAt }) => Date.now() - keptAt > longestMs);
  await Promise.all(late.map(({ key }) => forgetFile(key)));
  const tab = sessionStorage.getItem(tabKey);
  return all.filter((entry) => entry.tab === tab && entry.owner === owner && !late.includes(entry));
}

/** For when somebody signs out. */
export async function forgetTab(): Promise<void> {
  const tab = sessionStorage.getItem(tabKey);
  if (tab === null) return;
  sessionStorage.removeItem(tabKey);
  const all = await inStore<KeptFile[]>('readonly', (store) => store.getAll()).catch(() => []);
  await Promise.all(all.filter((entry) => entry.tab === tab).map(({ key }) => forgetFile(key)));
}

/** Survives a reload of the tab, and goes with it. */
function ownTab(): string {
  const known = sessionStorage.getItem(tabKey);
  if (known !== null) return known;
  const made = String(crypto.getRandomValues(new Uint32Array(4)));
  sessionStorage.setItem(tabKey, made);
  return made;
}

let opening: Promise<IDBDatabase> | undefined;

function open(): Promise<IDBDatabase> {
  opening ??= new Promise((resolve, reject) => {
    const request = indexedDB.open('claimcheck-uploads', 1);
    request.onupgradeneeded = () => request.result.createObjectStore(storeName, { keyPath: 'key' });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  return opening;
}

async function inStore<Result>(
  mode: IDBTransactionMode,
  work: (store: IDBObjectStore) => IDBRequest,
): Promise<Result> {
  const transaction = (await open()).transaction(storeName, mode);
  const request = work(transaction.objectStore(storeName));
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve(request.result as Result);
    transaction.onerror = () => reject(transaction.error);
    transaction.onabort = () => reject(transaction.error);
  });
}
