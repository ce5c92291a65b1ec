import Fastify from 'fastify';
import { registerMetrics } from '../../../src/http/status-routes.js';

test('whoever asks for metrics while they are written gets the same, and the next one new ones', async () => {
  let scrapes = 0;
  let write = () => {};
  const server = Fastify();
  registerMetrics(server, null, async () => {
    scrapes += 1;
    const text = `scrape ${scrapes}`;
    await new Promise<void>((resolve) => {
      write = resolve;
    });
    return { contentType: 'text/plain', text };
  });
  const askMany = async () => {
    const asked = Array.from({ length: 50 }, () => server.inject('/metrics'));
    await new Promise((resolve) => setTimeout(resolve, 100));
    write();
    return new Set((await Promise.all(asked)).map(({ body }) => body));
  };
  expect(await askMany()).toEqual(new Set(['scrape 1']));
  expect(await askMany()).toEqual(new Set(['scrape 2']));
  await server.close();
});
