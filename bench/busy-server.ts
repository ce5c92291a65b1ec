import { setTimeout } from 'node:timers/promises';
import { createFirstApiKey } from '../src/auth/manage-api-keys.js';
import { loadConfig } from '../src/config/config.js';
import { createServer } from '../src/http/server.js';
import { Turns } from '../src/limits/turns.js';
import { addRoutes } from '../src/wiring/routes.js';
import { createServices } from '../src/wiring/services.js';

/*
 * The service, with small jobs besides: JOBS_PER_SECOND of them are enqueued, in transactions of their own, and each does
 * nothing. Prints its address; GET /jobs tells how many have been done.
 */

const config = loadConfig(process.env);
const perSecond = Number(process.env['JOBS_PER_SECOND'] ?? 0);
const turns = new Turns();
const server = await createServer({ ...config, turns, logStream: process.stderr });
let origin = '';
const services = await createServices(config, {}, server.log, () => origin);
const { database, jobs } = services;
await createFirstApiKey(services, config.bootstrapApiKey);
services.openToKeys();
let done = 0;
// Before the service's own routes, each of which must be in the table of permissions.
server.get('/jobs', async () => ({ done }));
await addRoutes(server, config, { ...services, turns });
const run = async () => {
  done += 1;
};
await jobs.work({ nothing: { retryDelaysMs: [], concurrency: 10, run } });
origin = await server.listen({ host: config.host, port: config.port });
process.once('SIGTERM', () => process.exit());
console.log(origin);

const stepMs = 20;
const enqueue = () => database.write((manager) => jobs.enqueue(manager, { kind: 'nothing', payload: {} }));
let due = performance.now();
while (perSecond > 0) {
  const count = Math.ceil((perSecond * stepMs) / 1000);
  for (let index = 0; index < count; index += 1) void enqueue();
  due += stepMs;
  await setTimeout(Math.max(0, due - performance.now()));
}
