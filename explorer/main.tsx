import { HISTORY_PLUGIN } from '@graphiql/plugin-history';
import { GraphiQL } from 'graphiql';
import { createRoot } from 'react-dom/client';
import 'graphiql/style.css';
import { fetcher } from './fetcher';
import { keyAndFiles } from './key-and-files';
import { storage } from './storage';
import './explorer.css';

declare global {
  /** File names of the workers, from the build. */
  const WORKERS: Readonly<Record<string, string>>;
}

const startingQuery = `# Type your API key under "Key and files" on the left, then run one of these.

query Viewer {
  viewer { organizationId permissions }
}

# Add a file for the variable "file" under "Key and files" first.
mutation Upload($file: Upload!) {
  createAttachment(input: { content: { upload: $file } }) {
    attachment { id fileName contentType size url }
  }
}

subscription Changes {
  attachmentChanged(record: { type: "WorkPackage", id: "1" }) { id fileName status }
}

query Newest {
  attachments(first: 10) { nodes { id fileName size status } }
}
`;

/** Sent with every request, and shown so that people know. */
const presetHeaders = JSON.stringify({ 'Apollo-Require-Preflight': 'true' }, null, 2);

Object.assign(globalThis, {
  MonacoEnvironment: {
    getWorker: (_id: string, label: string) =>
      new Worker(new URL(WORKERS[label] ?? WORKERS['editor'] ?? '', import.meta.url)),
  },
});

/** An operation that the console hands over in the part of the address that no server sees. It is run by the reader alone. */
function givenOperation(): { initialQuery?: string; initialVariables?: string } {
  const given = new URLSearchParams(location.hash.slice(1));
  const query = given.get('query');
  if (query === null) return {};
  history.replaceState(null, '', location.pathname);
  return { initialQuery: query, initialVariables: given.get('variables') ?? '' };
}

const element = document.getElementById('explorer');
if (element) {
  createRoot(element).render(
    <GraphiQL
      {...givenOperation()}
      fetcher={fetcher}
      storage={storage}
      plugins={[keyAndFiles, HISTORY_PLUGIN]}
      defaultQuery={startingQuery}
      defaultHeaders={presetHeaders}
      defaultEditorToolsVisibility={true}
      shouldPersistHeaders={false}
      showPersistHeadersSettings={false}
    />,
  );
}
