import { storeRequest } from './bare-requests.js';
import { type LoadRequest, runLoad } from './load.js';
import { textContent } from './scenarios.js';
import { startBareServer, startMinimalServer, startService } from './server-process.js';
import { uploadRequest } from './service-requests.js';
import { type Standing, takeTurns } from './take-turns.js';

const bounds = { requests: 1500, concurrency: 16, seconds: 6 };

/**
 * Measures how much of the bare server's rate the libraries leave before anything of the service has run. The same upload of
 * 1 KiB goes to the bare server, to Fastify, Apollo Server and graphql-upload-minimal alone, and to the service.
 */
export async function measureLibraries(rounds: number): Promise<Standing[]> {
  const [bare, minimal, service] = [
    await startBareServer(),
    await startMinimalServer(),
    await startService(),
  ];
  const request = uploadRequest(service, { content: textContent(1024), fileName: 'ticket.txt' });
  const contender = (name: string, { origin }: { origin: string }, sent: LoadRequest) => ({
    name,
    run: async () => (await runLoad(origin, sent, bounds)).rate,
  });
  try {
    return await takeTurns(
      [
        contender('the bare server', bare, storeRequest(request)),
        contender('the libraries alone', minimal, request),
        contender('the service', service, request),
      ],
      rounds,
    );
  } finally {
    await Promise.all([bare, minimal, service].map((server) => server.stop()));
  }
}
