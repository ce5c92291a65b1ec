import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';

export interface ReceivedWebhook {
  id: string;
  /** The names of its headers. */
  headers: string[];
  body: {
    type: string;
    timestamp: string;
    data: { attachment: Record<string, unknown>; rejection: { reason: string; signature: string } | null };
  };
}

export const webhookSecret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;

/** Verifies what it gets with the standard's own library, and answers as told. */
export class WebhookReceiver {
  readonly received: ReceivedWebhook[] = [];
  readonly faults: unknown[] = [];
  /** Status codes of its next answers; 204 after them. */
  answers: number[] = [];
  readonly #server: Server = createServer((request, response) => {
    request.toArray().then(
      (chunks) => {
        this.#take(Buffer.concat(chunks).toString(), request.headers as Record<string, string>);
        response.writeHead(this.answers.shift() ?? 204).end();
      },
      // Its sender is gone, and sends again.
      () => response.destroy(),
    );
  });

  async open(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/hook`;
  }

  async got(count: number): Promise<ReceivedWebhook[]> {
    for (let round = 0; this.received.length < count; round += 1) {
      if (round > 500) throw new Error(`${this.received.length} of ${count} webhooks came: ${this.faults}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return this.received;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #take(text: string, headers: Record<string, string>): void {
    try {
      const body = new Webhook(webhookSecret).verify(text, headers) as ReceivedWebhook['body'];
      this.received.push({ id: String(headers['webhook-id']), headers: Object.keys(headers), body });
    } catch (error) {
      this.faults.push(error);
    }
  }
}
