import { type Client, createClient } from 'graphql-ws';
import { WebSocket } from 'ws';

export const changedFields =
  'id status record { type id: recordId } links { nodes { field record { id: recordId } } }';

export const onAttachment = (attachmentId: string, fields = changedFields) => ({
  query: `subscription ($attachmentId: ID!) { attachmentChanged(attachmentId: $attachmentId) { ${fields} } }`,
  variables: { attachmentId },
});

export const onRecord = (record: { type: string; id: string }, fields = changedFields) => ({
  query: `subscription ($record: RecordInput!) { attachmentChanged(record: $record) { ${fields} } }`,
  variables: { record },
});

export interface Changed {
  id: string;
  fileName: string;
  status: string;
  record: { type: string; id: string } | null;
  links: { nodes: { field: string; record: { id: string } }[] };
}

export interface Payload {
  data?: { attachmentChanged: Changed } | null;
  errors?: readonly { message: string; extensions?: Record<string, unknown> }[];
}

/** The messages that one subscription has received so far. */
export class Told {
  readonly events: Changed[] = [];
  readonly errors: { message: string; extensions?: Record<string, unknown> }[] = [];
  isComplete = false;
  /** The answer to a query, over an event stream. */
  data: object | null = null;
  /** The HTTP status of a refusal over an event stream, 0 for a stream that broke off; null if there was none. */
  status: number | null = null;
  /** Ends it from the client's side. */
  end: () => void = () => {};

  /** Resolves with the first event, past or to come, that `accepts`. */
  async until(accepts: (event: Changed) => boolean = () => true, ms = 5_000): Promise<Changed> {
    await this.settle(() => this.events.some(accepts), ms);
    return this.events.find(accepts) as Changed;
  }

  async completed(): Promise<void> {
    await this.settle(() => this.isComplete);
  }

  async refused(): Promise<Record<string, unknown> | undefined> {
    await this.settle(() => this.errors.length > 0);
    return this.errors[0]?.extensions;
  }

  async settle(isSo: () => boolean, ms = 5_000): Promise<void> {
    await eventually(isSo, ms, () => JSON.stringify(this));
  }
}

export async function eventually(isSo: () => boolean, ms = 5_000, describe = () => ''): Promise<void> {
  const end = performance.now() + ms;
  while (!isSo()) {
    if (performance.now() > end) throw new Error(`It did not come to be. ${describe()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** The clients' own library over a real socket. */
export class LiveClient {
  readonly client: Client;
  socket: WebSocket | null = null;
  closed: { code: number; reason: string } | null = null;

  constructor(url: string, connectionParams: Record<string, unknown> | undefined) {
    this.client = createClient({
      url: `${url.replace('http', 'ws')}/graphql`,
      webSocketImpl: WebSocket,
      retryAttempts: 0,
      lazy: false,
      onNonLazyError: () => undefined,
      ...(connectionParams === undefined ? {} : { connectionParams }),
      on: {
        connected: (socket) => {
          this.socket = socket as WebSocket;
        },
        closed: (event) => {
          const { code, reason } = event as { code: number; reason: string };
          this.closed = { code, reason };
        },
      },
    });
  }

  /** Resolves once the connection has been accepted; give it before what is to be told happens. */
  async open(): Promise<this> {
    await eventually(() => this.socket !== null || this.closed !== null);
    return this;
  }

  async closing(ms = 5_000): Promise<number> {
    await eventually(() => this.closed !== null, ms);
    return this.closed?.code ?? 0;
  }

  subscribe(operation: { query: string; variables?: Record<string, unknown> }): Told {
    const told = new Told();
    told.end = this.client.subscribe(operation, {
      next: (result) => {
        const { data, errors } = result as Payload;
        if (data) told.events.push(data.attachmentChanged);
        told.errors.push(...(errors ?? []));
      },
      error: (error) => {
        if (Array.isArray(error)) told.errors.push(...(error as Payload['errors'] & object));
      },
      complete: () => {
        told.isComplete = true;
      },
    });
    return told;
  }

  /** Resolves once everything sent before has been taken in: a subscription that is refused comes back at once. */
  async settled(): Promise<void> {
    const probe = this.subscribe({ query: '{ viewer { organizationId } }' });
    await probe.refused();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }

  close(): void {
    void this.client.dispose();
  }
}

export const openLive = (url: string, key: string | null) =>
  new LiveClient(url, { authorization: `Bearer ${key}` }).open();
