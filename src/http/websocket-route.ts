import proxyAddr from '@fastify/proxy-addr';
import type { FastifyBaseLogger, FastifyInstance } from 'fastify';
import { CloseCode, handleProtocols, type Server } from 'graphql-ws';
import { type WebSocket, WebSocketServer } from 'ws';
import { type AttachmentError, fault } from '../errors.js';
import type { Connection } from '../graphql/subscriptions/open-session.js';
import { networksOf, type Shares } from '../limits/networks.js';
import { NetworkPlaces } from '../limits/places.js';
import type { Turns } from '../limits/turns.js';
import { createRequestIds, traceOf, trustProxies } from './admit-request.js';
import {
  answerPings,
  boundReading,
  closeSoon,
  closingMs,
  createPieceSender,
  createReplySender,
  type PieceSender,
  tryAgainLater,
} from './bound-connections.js';
import { endWith } from './error-handler.js';
import { onWebSocketHandshake } from './live-routes.js';
import { traceHandshake } from './observe-requests.js';

export interface WebSocketDependencies {
  /** The protocol, which knows nothing of sockets. */
  subscriptions: Server<Connection>;
  /** Messages are handled in these. */
  turns: Turns;
  /** A socket that has not answered a ping by the next is gone; 12 seconds where left out. */
  pingIntervalMs?: number;
  /** A client that takes longer to read an event is closed; 30 seconds where left out. */
  readingMs?: number;
  /** Proxies whose X-Forwarded-For is believed; none if left out. */
  trustedProxies?: readonly string[];
}

/** Bytes a message to us may have. One of more than a few may come before the credential is known: that with the credential. */
const maxMessageSize = 64 * 1024;
const smallMessageSize = 16 * 1024;

/** Sockets at once in one process. */
const maxSockets = 10_000;
/** A client has so long to take an event. */
const usualReadingMs = 30_000;

/** Sockets of one address, and by its shares of the networks around it, whose credential is not known yet. */
const maxUnidentified = 250;
const sharesOfUnidentified: Shares = [1, 2, 4];
/** A message may come in so many pieces. */
const maxFragments = 512;
const usualPingIntervalMs = 12_000;
const goingAway = 1001;
const messageTooBig = 1009;

/**
 * Adds WebSocket `/graphql`. Its credential comes in the first message and never with the handshake, so there is nothing that
 * a foreign page could make a browser send along, and any origin may connect. The result tells how many sockets are open.
 */
export function registerWebSockets(server: FastifyInstance, deps: WebSocketDependencies): () => number {
  const sockets = new WebSocketServer({
    noServer: true,
    handleProtocols,
    maxPayload: maxMessageSize,
    maxFragments,
    perMessageDeflate: false,
    allowSynchronousEvents: false,
    autoPong: false,
  });
  const trust = trustProxies(deps.trustedProxies ?? []);
  const requestId = createRequestIds(trust);
  const unidentified = new NetworkPlaces(maxUnidentified, sharesOfUnidentified);
  const { turns } = deps;
  let count = 0;
  sockets.on('wsClientError', ({ message }, socket, request) => {
    endWith(socket, badHandshake(`${message}.`), requestId(request), versions);
  });
  onWebSocketHandshake(server.server, '/graphql', (request, socket, head) => {
    const address = proxyAddr(request, trust);
    sockets.handleUpgrade(request, socket, head, (accepted) => {
      count += 1;
      const key = { group: networksOf(address).at(-1)?.key ?? '', id: `socket ${count}` };
      boundReading({ socket: accepted, stream: socket, turns, key });
      answerPings(accepted);
      const sender = createPieceSender(accepted, deps.readingMs ?? usualReadingMs);
      keepAlive(accepted, sender, deps.pingIntervalMs ?? usualPingIntervalMs);
      const identified = sockets.clients.size > maxSockets ? null : unidentified.take(address);
      if (!identified) return refuse(accepted);
      accepted.once('close', identified);
      const id = requestId(request);
      const log = server.log.child({ reqId: id, ...traceOf(request) });
      const span = traceHandshake(id, request);
      const inTurn = (run: () => void) => turns.run(key, () => (span ? span.run(run) : run()));
      const { sendPieces } = sender;
      serve(accepted, deps.subscriptions, { log, inTurn, address, identified, sendPieces });
    });
    socket.on('error', () => socket.destroy());
  });
  server.addHook('preClose', () => closeAll(sockets));
  return () => sockets.clients.size;
}

/** The versions of the protocol that are spoken: RFC 6455 has a refusal tell. */
const versions = ['Sec-WebSocket-Version: 13, 8'];

function badHandshake(msg: string): AttachmentError {
  return fault('bad_request', ['headers'], msg, { message: msg });
}

function refuse(socket: WebSocket): void {
  socket.on('error', () => socket.terminate());
  closeSoon(socket, tryAgainLater, 'Too many connections');
}

interface ServedSocket extends Pick<Connection, 'address' | 'identified' | 'sendPieces'> {
  log: FastifyBaseLogger;
  /** Runs what a message asks for when it is the client's turn. */
  inTurn(run: () => void): void;
}

/** Lets the protocol talk over a socket. It sends one message of a subscription after the other, each once the last is gone. */
function serve(
  socket: WebSocket,
  protocol: Server<Connection>,
  { log, inTurn, ...facts }: ServedSocket,
): void {
  let largeMessages = 1;
  const fail = (err: unknown) => {
    log.error({ err }, 'masked error');
    closeSoon(socket, CloseCode.InternalServerError, 'Internal server error');
  };
  const close = (code?: number, reason?: string) => closeSoon(socket, code, reason);
  const send = createReplySender(socket);
  const closed = protocol.opened(
    {
      protocol: socket.protocol,
      send,
      close,
      onMessage: (receive) =>
        socket.on('message', (data, isBinary) =>
          inTurn(() => {
            // Messages from before the close may still be on their way here.
            if (socket.readyState !== socket.OPEN) return;
            if (isBinary) close(CloseCode.BadRequest, 'Invalid message received');
            else if (String(data).length > smallMessageSize && --largeMessages < 0)
              close(messageTooBig, 'Message too big');
            else receive(String(data)).catch(fail);
          }),
        ),
    },
    {
      ...facts,
      identified: () => {
        largeMessages = Number.POSITIVE_INFINITY;
        facts.identified();
      },
      isOpen: () => socket.readyState === socket.OPEN,
      close,
      logError: (err) => log.error({ err }, 'masked error'),
    },
  );
  socket.on('error', (err) => log.info({ err }, 'a WebSocket has failed'));
  socket.once('close', (code, reason) => {
    closed(code, String(reason)).catch((err: unknown) => log.error({ err }, 'masked error'));
  });
}

/** Cuts off a client that does not answer. While it has an event to take, a ping would wait behind that. */
function keepAlive(
  socket: WebSocket,
  { isSending }: Pick<PieceSender, 'isSending'>,
  intervalMs: number,
): void {
  let hasAnswered = true;
  const timer = setInterval(() => {
    if (isSending()) {
      hasAnswered = true;
      return;
    }
    if (!hasAnswered) return socket.terminate();
    hasAnswered = false;
    socket.ping(() => undefined);
  }, intervalMs);
  socket.on('pong', () => {
    hasAnswered = true;
  });
  socket.once('close', () => clearInterval(timer));
}

/** Tells every client, waits for their answers for a moment, and cuts the rest off. No further one is accepted. */
async function closeAll(sockets: WebSocketServer): Promise<void> {
  const timer = setTimeout(() => {
    for (const socket of sockets.clients) socket.terminate();
  }, closingMs);
  for (const socket of sockets.clients) socket.close(goingAway, 'Going away');
  await new Promise<void>((resolve) => sockets.close(() => resolve()));
  clearTimeout(timer);
}
