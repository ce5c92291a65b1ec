import { createClient } from 'graphql-sse';
import { type Payload, Told } from './live-client.js';

type Operation = { query: string; variables?: Record<string, unknown>; operationName?: string };

/** The clients' own library over real HTTP, in either mode of the protocol. */
export class StreamClient {
  readonly #client;
  /** Statuses of refusals. */
  readonly refusals: number[] = [];
  connected = 0;

  constructor(
    url: string,
    key: string | null,
    { isSingle = false, headers = {} }: { isSingle?: boolean; headers?: Record<string, string> } = {},
  ) {
    this.#client = createClient({
      url: `${url}/graphql/stream`,
      singleConnection: isSingle,
      retryAttempts: 0,
      headers: () => ({ ...(key === null ? {} : { authorization: `Bearer ${key}` }), ...headers }),
      on: {
        connected: () => {
          this.connected += 1;
        },
      },
    });
  }

  subscribe(operation: Operation): Told {
    const told = new Told();
    told.end = this.#client.subscribe(operation as Operation & { variables: Record<string, unknown> }, {
      next: (result) => {
        const { data, errors } = result as Payload;
        if (data?.attachmentChanged) told.events.push(data.attachmentChanged);
        else if (data) told.data = data;
        told.errors.push(...(errors ?? []));
      },
      error: (error) => {
        const { response } = error as { response?: Response };
        told.status = response?.status ?? 0;
        this.refusals.push(told.status);
      },
      complete: () => {
        told.isComplete = true;
      },
    });
    return told;
  }

  close(): void {
    this.#client.dispose();
  }
}
