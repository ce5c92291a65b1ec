import { Agent, get, request as openRequest } from 'node:http';
import { parentPort, workerData } from 'node:worker_threads';

/*
 * Runs in a thread of its own, so that making and reading an attack does not delay it. Asks for `GET /health/live` and for an
 * attachment of another organization, each as soon as the one before is answered, until it is told to stop.
 */

export interface ProbeInput {
  origin: string;
  apiKey: string;
  attachmentId: string;
}

export interface ProbeResult {
  /** The longest wait for one answer, in milliseconds. */
  live: number;
  attachment: number;
  /** Answers of each that were what they should be, and that were not. */
  answers: number;
  faults: number;
}

const pauseMs = 5;
const giveUpMs = 150_000;

const { origin, apiKey, attachmentId } = workerData as ProbeInput;
const result: ProbeResult = { live: 0, attachment: 0, answers: 0, faults: 0 };
const agent = new Agent({ keepAlive: true, timeout: giveUpMs });
let isStopped = false;

parentPort?.once('message', () => {
  isStopped = true;
});
await Promise.all([
  repeat('live', askLive),
  repeat('attachment', async () => (await askAttachment()).includes(`"id":"${attachmentId}"`)),
]);
agent.destroy();
parentPort?.postMessage(result);

async function repeat(name: 'live' | 'attachment', ask: () => Promise<boolean>): Promise<void> {
  while (!isStopped) {
    const sent = performance.now();
    const isGood = await ask().catch(() => false);
    result[name] = Math.max(result[name], performance.now() - sent);
    result[isGood ? 'answers' : 'faults'] += 1;
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

function askLive(): Promise<boolean> {
  return new Promise((resolve, reject) => {
    get(`${origin}/health/live`, { agent }, (answer) => {
      answer.resume().once('end', () => resolve(answer.statusCode === 200));
    }).once('error', reject);
  });
}

function askAttachment(): Promise<string> {
  const query = 'query ($id: ID!) { attachment(id: $id) { id fileName } }';
  const headers = { Authorization: `Bearer ${apiKey}`, 'Content-Type': 'application/json' };
  return new Promise((resolve, reject) => {
    const outgoing = openRequest(`${origin}/graphql`, { agent, method: 'POST', headers }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (piece: string) => {
        text += piece;
      });
      answer.once('end', () => resolve(text));
    });
    outgoing.once('error', reject);
    outgoing.end(JSON.stringify({ query, variables: { id: attachmentId } }));
  });
}
