import { Suspense, useEffect } from 'react';
import { createRoot } from 'react-dom/client';
import { graphql, RelayEnvironmentProvider, useLazyLoadQuery, usePaginationFragment } from 'react-relay';
import { commitMutation, Environment, type FetchFunction, Network } from 'relay-runtime';
import type { relayFiles_record$key } from './build/relay/relayFiles_record.graphql';
import type { relayFilesPage } from './build/relay/relayFilesPage.graphql';
import type { relayRecordQuery } from './build/relay/relayRecordQuery.graphql';
import type { relayUploadMutation } from './build/relay/relayUploadMutation.graphql';
import type { Service } from './service';

/** Sends operations as JSON, and as a multipart request if they have a file for the variable `file`. */
function fetchFrom({ url, key }: Service): FetchFunction {
  const headers = { Authorization: `Bearer ${key}`, 'Apollo-Require-Preflight': 'true' };
  return async ({ text }, variables, _cache, uploadables) => {
    const operation = JSON.stringify({ query: text, variables });
    if (!uploadables) {
      const json = { ...headers, 'Content-Type': 'application/json' };
      return (await fetch(url, { method: 'POST', headers: json, body: operation })).json();
    }
    const form = new FormData();
    form.set('operations', operation);
    form.set('map', JSON.stringify({ file: ['variables.file'] }));
    for (const [name, file] of Object.entries(uploadables)) form.set(name, file);
    return (await fetch(url, { method: 'POST', headers, body: form })).json();
  };
}

function Files({ record, onAll }: { record: relayFiles_record$key; onAll(names: string[]): void }) {
  const { data, hasNext, isLoadingNext, loadNext } = usePaginationFragment<
    relayFilesPage,
    relayFiles_record$key
  >(
    graphql`
      fragment relayFiles_record on HostRecord
      @argumentDefinitions(count: { type: "Int", defaultValue: 2 }, cursor: { type: "String" })
      @refetchable(queryName: "relayFilesPage") {
        attachments(first: $count, after: $cursor) @connection(key: "relayFiles_attachments") {
          edges { node { id fileName } }
        }
      }
    `,
    record,
  );
  const names = data.attachments.edges.map(({ node }) => node.fileName);
  useEffect(() => {
    if (hasNext && !isLoadingNext) loadNext(2);
    else if (!hasNext) onAll(names);
  });
  return (
    <ul>
      {names.map((name) => (
        <li key={name}>{name}</li>
      ))}
    </ul>
  );
}

function Folder({ onAll }: { onAll(names: string[]): void }) {
  const { record } = useLazyLoadQuery<relayRecordQuery>(
    graphql`
      query relayRecordQuery {
        record(type: "Folder", id: "1") { ...relayFiles_record }
      }
    `,
    {},
  );
  return <Files record={record} onAll={onAll} />;
}

export async function run(service: Service) {
  const environment = new Environment({ network: Network.create(fetchFrom(service)) });
  const uploaded = await new Promise((resolve, reject) => {
    commitMutation<relayUploadMutation>(environment, {
      mutation: graphql`
        mutation relayUploadMutation($file: Upload!) {
          createAttachment(input: { content: { upload: $file } }) { attachment { id fileName } }
        }
      `,
      variables: { file: null },
      uploadables: { file: new File(['Hello, Claimcheck.'], 'relay.txt') },
      onCompleted: ({ createAttachment }) => resolve(createAttachment?.attachment.fileName),
      onError: reject,
    });
  });
  const element = document.body.appendChild(document.createElement('main'));
  const folder = await new Promise<string[]>((resolve) => {
    createRoot(element).render(
      <RelayEnvironmentProvider environment={environment}>
        <Suspense fallback="Loading">
          <Folder onAll={resolve} />
        </Suspense>
      </RelayEnvironmentProvider>,
    );
  });
  return { uploaded, folder, shown: element.querySelectorAll('li').length };
}
