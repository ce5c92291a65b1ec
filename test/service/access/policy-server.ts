import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A question as Open Policy Agent gets it. */
export interface Asked {
  principal: { id: string; kind: string; name: string | null };
  organizationId: string;
  action: 'view' | 'edit';
  record: { type: string; id: string };
  field: string | null;
}

export interface PolicyServer extends AsyncDisposable {
  url: string;
  asked: Asked[];
  /** How many questions each request had, of those that were arrays. */
  batches: number[];
  /** The most questions that were open at once. */
  mostAtOnce: number;
  /** Its answer to a question; throwing is a fault of the policy. */
  decide: (input: Asked) => boolean | Promise<boolean>;
  /** Set, this answers instead. */
  misbehave: ((response: ServerResponse) => void) | null;
  close(): Promise<void>;
}

/** A real HTTP server on loopback that speaks Open Policy Agent's data API. */
export async function startPolicyServer(): Promise<PolicyServer> {
  let open = 0;
  const server = createServer(async (request, response) => {
    open += 1;
    policy.mostAtOnce = Math.max(policy.mostAtOnce, open);
    response.on('close', () => {
      open -= 1;
    });
    let body = '';
    for await (const chunk of request) body += String(chunk);
    const { input } = JSON.parse(body) as { input: Asked | Asked[] };
    policy.asked.push(...[input].flat());
    if (Array.isArray(input)) policy.batches.push(input.length);
    if (policy.misbehave) return policy.misbehave(response);
    const answers = Promise.all([input].flat().map(async (one) => policy.decide(one)));
    const results = await answers.catch(() => null);
    if (results === null) return response.writeHead(500).end();
    const result = Array.isArray(input) ? results : results[0];
    response.setHeader('content-type', 'application/json');
    return response.end(JSON.stringify({ decision_id: 'x', result }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  const policy: PolicyServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/data/records/allow`,
    asked: [],
    batches: [],
    mostAtOnce: 0,
    decide: () => true,
    misbehave: null,
    close,
    [Symbol.asyncDispose]: close,
  };
  return policy;
}
