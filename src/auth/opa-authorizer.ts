import { LRUCache } from 'lru-cache';
import { Pool } from 'undici';
import type { RecordAuthorizer, RecordQuestion } from './record-authorizer.js';
import type { Viewer } from './viewer.js';

export interface OpaAuthorizerOptions {
  /** Of a decision, such as `http://127.0.0.1:8181/v1/data/records/allow`. */
  url: string;
  /** Told why a question got no answer. */
  onNoAnswer(error: unknown): void;
  /** Counts the waiting for a free connection too. */
  timeoutMs?: number;
}

/** So long an answer is good for the same question again. */
const cacheMs = 3_000;
const maxCached = 10_000;
const maxConnections = 16;
/** No record with names as long as they may be has a longer question; a longer one is a no, so that none fills the memory. */
const maxQuestionLength = 16_384;
const maxAnswerBytes = 65_536;

/**
 * Asks Open Policy Agent, or whatever speaks its data API. Equal questions share an answer for three
 * seconds from the first of them on. What is not an answer (late, redirected, oversized, malformed) is a no, and is not remembered.
 */
export function createOpaAuthorizer(options: OpaAuthorizerOptions): RecordAuthorizer {
  const { url, onNoAnswer, timeoutMs = 2_000 } = options;
  const { origin, pathname, search } = new URL(url);
  const pool = new Pool(origin, { connections: maxConnections, pipelining: 1 });
  const answers = new LRUCache<string, Promise<boolean>>({ max: maxCached, ttl: cacheMs });

  const ask = async (body: string): Promise<boolean> => {
    try {
      return await askOnce(pool, { path: `${pathname}${search}`, body, timeoutMs });
    } catch (error) {
      answers.delete(body);
      onNoAnswer(error);
      return false;
    }
  };
  return {
    isActive: true,
    may: (viewer, question) => {
      const body = toBody(viewer, question);
      if (body.length > maxQuestionLength) return Promise.resolve(false);
      const known = answers.get(body);
      if (known) return known;
      const answer = ask(body);
      answers.set(body, answer);
      return answer;
    },
    close: () => pool.destroy(),
  };
}

function toBody({ principal, organizationId }: Viewer, { action, record, field }: RecordQuestion): string {
  const { id, kind, name } = principal;
  const { type } = record;
  return JSON.stringify({
    input: { principal: { id, kind, name }, organizationId, action, record: { type, id: record.id }, field },
  });
}

interface Question {
  path: string;
  body: string;
  timeoutMs: number;
}

/** Throws unless exactly `{ "result": true | false }` came in time; other members beside it are not looked at. */
async function askOnce(pool: Pool, { path, body, timeoutMs }: Question): Promise<boolean> {
  const { statusCode, body: answer } = await pool.request({
    method: 'POST',
    path,
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body,
    signal: AbortSignal.timeout(timeoutMs),
  });
  const text = await readText(answer);
  if (statusCode !== 200) throw new Error(`The record authorizer answered ${statusCode}.`);
  const { result } = JSON.parse(text) as { result?: unknown };
  if (typeof result !== 'boolean') throw new Error('The record authorizer answered neither true nor false.');
  return result;
}

async function readText(answer: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer) {
    size += chunk.length;
    if (size > maxAnswerBytes)
      throw new Error(`The record authorizer sent more than ${maxAnswerBytes} bytes.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
