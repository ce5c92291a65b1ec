import { Session } from 'node:inspector/promises';
import { createApp } from '../src/app.js';
import { loadConfig } from '../src/config/config.js';
import { makeScratchDirectory, removeScratchDirectory } from './scratch.js';

/**
 * Prints through how many source files one more multipart upload passes, by coverage: of a service that has served such
 * requests before, every file with a function that runs from the request to its answer. Names them with `--list`.
 */
async function main(): Promise<void> {
  const directory = makeScratchDirectory('files');
  const key = `cck_${'x'.repeat(32)}`;
  const settings = { PORT: '0', DATA_DIR: directory, BOOTSTRAP_API_KEY: key, RATE_LIMIT_PER_MINUTE: '0' };
  const app = await createApp(loadConfig(settings), { logStream: { write: () => {} } });
  const { publicUrl } = await app.listen();
  const session = new Session();
  session.connect();
  try {
    for (let round = 0; round < 5; round += 1) await upload(publicUrl, key);
    await session.post('Profiler.enable');
    await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });
    // Whatever is under way since before is counted by then.
    await session.post('Profiler.takePreciseCoverage');
    await upload(publicUrl, key);
    const { result } = await session.post('Profiler.takePreciseCoverage');
    const files = result
      .filter(({ functions }) => functions.some(({ ranges }) => ranges.some(({ count }) => count > 0)))
      .filter(({ url }) => !url.includes('/node_modules/'))
      .flatMap(({ url }) => /\/build\/(src\/.+)\.js$/.exec(url)?.[1] ?? [])
      .sort();
    if (process.argv.includes('--list')) console.log(files.map((file) => `${file}.ts`).join('\n'));
    console.log(`One more upload passes through ${files.length} source files.`);
  } finally {
    session.disconnect();
    await app.close();
    removeScratchDirectory(directory);
  }
}

async function upload(url: string, key: string): Promise<void> {
  const form = new FormData();
  const query = `mutation ($file: Upload!) {
    createAttachment(input: { content: { upload: $file } }) { attachment { id fileName size } } }`;
  form.set('operations', JSON.stringify({ query, variables: { file: null } }));
  form.set('map', '{"0":["variables.file"]}');
  form.set('0', new Blob(['hello']), 'hello.txt');
  const headers = { authorization: `Bearer ${key}`, 'apollo-require-preflight': 'true' };
  const response = await fetch(`${url}/graphql`, { method: 'POST', headers, body: form });
  const answer = await response.text();
  if (!answer.includes('"size":5')) throw new Error(`The upload has failed: ${answer}`);
}

await main();
