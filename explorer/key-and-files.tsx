import type { GraphiQLPlugin } from '@graphiql/react';
import { useSyncExternalStore } from 'react';
import {
  addFile,
  type ChosenFile,
  changeFile,
  readSession,
  removeFile,
  setCredential,
  subscribe,
} from './session';

/** The panel on the left: the credential, and files for variables of type Upload. */
export const keyAndFiles: GraphiQLPlugin = { title: 'Key and files', icon: Icon, content: Panel };

function Panel() {
  const { credential, files } = useSyncExternalStore(subscribe, readSession);
  return (
    <section className="explorer-panel" aria-label="Key and files">
      <h2>Key</h2>
      <label>
        API key or JSON Web Token
        <input
          type="password"
          autoComplete="off"
          spellCheck={false}
          value={credential}
          placeholder="cck_…"
          onChange={({ target }) => setCredential(target.value)}
        />
      </label>
      <p>
        It goes with every request and subscription, unless the tab has a header Authorization of its own.
        This browser tab forgets it when it is closed.
      </p>
      <h2>Files</h2>
      {files.map((file) => (
        <FileRow key={file.id} {...file} />
      ))}
      <button type="button" className="graphiql-button" onClick={addFile}>
        Add a file
      </button>
      <p>
        A file goes with every operation that declares its variable, such as <code>$file: Upload!</code>. A
        path such as <code>input.content.upload</code> names a place within a variable.
      </p>
    </section>
  );
}

function FileRow({ id, path }: ChosenFile) {
  return (
    <fieldset>
      <label>
        Variable
        <input
          type="text"
          spellCheck={false}
          value={path}
          onChange={({ target }) => changeFile(id, { path: target.value.replace(/^\$/, '') })}
        />
      </label>
      <label>
        File
        <input type="file" onChange={({ target }) => changeFile(id, { file: target.files?.[0] ?? null })} />
      </label>
      <button type="button" className="graphiql-button" onClick={() => removeFile(id)}>
        Remove
      </button>
    </fieldset>
  );
}

function Icon() {
  return (
    <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="1.5" aria-hidden="true">
      <circle cx="8" cy="15" r="4" />
      <path d="m11 12 9-9m-4 4 3 3m-6 0 2 2" />
    </svg>
  );
}
