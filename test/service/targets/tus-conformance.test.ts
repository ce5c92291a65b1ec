import { startService, type TestService } from '../../support/service.js';
import { core } from './tus-points/core.js';
import { Exchange, type TusServer } from './tus-points/exchange.js';
import { extensions } from './tus-points/extensions.js';

/*
 * The demands of tus 1.0.0, one by one, by HTTP alone. TUS_URL, with TUS_AUTHORIZATION if need be, names another server that is to
 * keep them.
 */
const { TUS_URL: otherUrl, TUS_AUTHORIZATION: otherCredential } = process.env;

let service: TestService | null = null;
let server: TusServer;
beforeAll(async () => {
  if (otherUrl === undefined) service = await startService({ MAX_UPLOAD_TARGETS: '1000' });
  const credential = service ? `Bearer ${service.key}` : otherCredential;
  server = {
    creationUrl: service ? `${service.url}/uploads` : (otherUrl ?? ''),
    headers: credential === undefined ? {} : { Authorization: credential },
    metadata: { filename: 'data.bin' },
  };
});
afterAll(() => service?.close());

test.each([...core, ...extensions].map((point) => [point.section, point.title, point] as const))(
  '%s: %s',
  async (section, _title, point) => {
    const isDemanded = section === 'core' || (await offered()).includes(section);
    if (isDemanded) await point.prove(new Exchange(server));
    else expect(service).toBeNull();
  },
);

/** The extensions that the server has. Those of another server may be fewer. */
async function offered(): Promise<string[]> {
  const headers = { 'Tus-Resumable': '' };
  const answer = await new Exchange(server).send('OPTIONS', server.creationUrl, { headers });
  return answer.header('Tus-Extension')?.split(',') ?? [];
}

test('every extension that the server has is among these', async () => {
  const known = extensions.map(({ section }) => section);
  const names = await offered();
  expect(names).toContain('creation');
  expect(known).toEqual(expect.arrayContaining(names));
});
