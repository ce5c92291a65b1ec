/** A file to send, and where it goes: a variable, or a path in one, such as `file` or `input.content.upload`. */
export interface ChosenFile {
  id: number;
  path: string;
  file: File | null;
}

/** The person's input. It is never in a URL, nor in the storage that outlives the tab. */
export interface Session {
  credential: string;
  files: readonly ChosenFile[];
}

const storageKey = 'claimcheck:credential';
const listeners = new Set<() => void>();

let session: Session = { credential: sessionStorage.getItem(storageKey) ?? '', files: [] };

export const readSession = (): Session => session;

/** Calls `listener` after each change, until the result is called. */
export function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function change(changes: Partial<Session>): void {
  session = { ...session, ...changes };
  for (const listener of listeners) listener();
}

/** The tab remembers the credential until it is closed. */
export function setCredential(credential: string): void {
  if (credential === '') sessionStorage.removeItem(storageKey);
  else sessionStorage.setItem(storageKey, credential);
  change({ credential });
}

export function addFile(): void {
  const { files } = session;
  const id = Math.max(-1, ...files.map((file) => file.id)) + 1;
  const path = files.length === 0 ? 'file' : `file${files.length + 1}`;
  change({ files: [...files, { id, path, file: null }] });
}

export function changeFile(id: number, changes: Partial<Omit<ChosenFile, 'id'>>): void {
  change({ files: session.files.map((file) => (file.id === id ? { ...file, ...changes } : file)) });
}

export function removeFile(id: number): void {
  change({ files: session.files.filter((file) => file.id !== id) });
}

/** The value of the header. A key alone, without a scheme, gets one. Null if nothing was typed. */
export function authorization(): string | null {
  const credential = session.credential.trim();
  if (credential === '') return null;
  return /^(basic|bearer) /i.test(credential) ? credential : `Bearer ${credential}`;
}
