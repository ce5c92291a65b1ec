import Uppy from '@uppy/core';
import Dashboard from '@uppy/dashboard';
import Tus from '@uppy/tus';
import type { Service } from './service';

/** Shows the Dashboard in the page. Ends with what was uploaded. */
export function run({ url, key }: Service) {
  const uppy = new Uppy().use(Dashboard, { inline: true, target: 'body' }).use(Tus, {
    endpoint: url.replace('/graphql', '/uploads'),
    headers: { Authorization: `Bearer ${key}` },
    chunkSize: 1_000_000,
    retryDelays: [0, 250, 1_000, 5_000],
  });
  return new Promise<{ uploaded: string[]; failed: number }>((resolve) =>
    uppy.on('complete', ({ successful = [], failed = [] }) =>
      resolve({ uploaded: successful.map((file) => file.name), failed: failed.length }),
    ),
  );
}
