import proxyAddr from '@fastify/proxy-addr';
import type { FastifyBaseLogger, FastifyInstance } from 'fastify';
import { CloseCode, handleProtocols, type Server } from 'graphql-ws';
import { v7 as uuidv7 } from 'uuid';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Shares } from '../limits/network-rate.js';
import { NetworkPlaces } from '../limits/places.js';
import { answerPings, boundReading } from './bound-reading.js';
import { trustProxies } from './server.js';
import { onWebSocketHandshake } from './upgrade.js';

/** What the protocol is told of a socket. */
export interface SocketConnection {
  /** The client's IP address. */
  address: string;
  isOpen(): boolean;
  /** To be called once its credential has been found good. */
  identified(): void;
  close(code: number, reason: string): void;
  logError(error: unknown): void;
}

export interface WebSocketDependencies {
  /** The protocol, which knows nothing of sockets. */
  subscriptions: Server<SocketConnection>;
  /** A socket that has not answered a ping by the next is gone; 12 seconds where left out. */
  pingIntervalMs?: number;
  /** Whose X-Forwarded-For is believed; nobody's where left out. */
  trustedProxies?: readonly string[];
}

/** Bytes a message to us may have. */
const maxMessageSize = 64 * 1024;

/** Sockets at once in one process, and bytes that may wait for one client to read them. */
const maxSockets = 10_000;
const maxUnsent = 1024 * 1024;

/** Sockets of one address, and by its shares of the networks around it, whose credential is not known yet. */
const maxUnidentified = 250;
const sharesOfUnidentified: Shares = [1, 2, 4];

/** A message may come in so many pieces. */
const maxFragments = 512;

const usualPingIntervalMs = 12_000;
const goingAway = 1001;
const tryAgainLater = 1013;

/** So long a client may take to answer the closing of its socket. */
const closingMs = 1_000;

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
  const unidentified = new NetworkPlaces(maxUnidentified, sharesOfUnidentified);
  onWebSocketHandshake(server.server, '/graphql', (request, socket, head) => {
    const address = proxyAddr(request, trust);
    sockets.handleUpgrade(request, socket, head, (accepted) => {
      boundReading(accepted, socket);
      answerPings(accepted);
      keepAlive(accepted, deps.pingIntervalMs ?? usualPingIntervalMs);
      const identified = sockets.clients.size > maxSockets ? null : unidentified.take(address);
      if (!identified) return refuse(accepted);
      accepted.once('close', identified);
      const log = server.log.child({ reqId: uuidv7() });
      serve(accepted, deps.subscriptions, { log, address, identified });
    });
    socket.on('error', () => socket.destroy());
  });
  server.addHook('preClose', () => closeAll(sockets));
  return () => sockets.clients.size;
}

function refuse(socket: WebSocket): void {
  socket.on('error', () => socket.terminate());
  closeSoon(socket, tryAgainLater, 'Too many connections');
}

/** Closes a socket, and cuts it off if its client does not answer. */
function closeSoon(socket: WebSocket, code?: number, reason?: string): void {
  socket.close(code, reason);
  setTimeout(() => socket.terminate(), closingMs).unref();
}

/** Lets the protocol talk over a socket. It sends one message of a subscription after the other, each once the last is gone. */
function serve(
  socket: WebSocket,
  protocol: Server<SocketConnection>,
  { log, address, identified }: { log: FastifyBaseLogger; address: string; identified(): void },
): void {
  const fail = (err: unknown) => {
    log.error({ err }, 'masked error');
    closeSoon(socket, CloseCode.InternalServerError, 'Internal server error');
  };
  const close = (code?: number, reason?: string) => closeSoon(socket, code, reason);
  const closed = protocol.opened(
    {
      protocol: socket.protocol,
      send: (text) => send(socket, text),
      close,
      onMessage: (receive) =>
        socket.on('message', (data, isBinary) => {
          // Of what came before the close some may still be on its way here.
          if (socket.readyState !== socket.OPEN) return;
          if (isBinary) close(CloseCode.BadRequest, 'Invalid message received');
          else receive(String(data)).catch(fail);
        }),
    },
    {
      address,
      isOpen: () => socket.readyState === socket.OPEN,
      identified,
      close,
      logError: (err) => log.error({ err }, 'masked error'),
    },
  );
  socket.on('error', (err) => log.info({ err }, 'a WebSocket has failed'));
  socket.once('close', (code, reason) => {
    closed(code, String(reason)).catch((err: unknown) => log.error({ err }, 'masked error'));
  });
}

/** Resolves once the message has left this process, so that whoever waits is as slow as the client. */
function send(socket: WebSocket, text: string): Promise<void> {
  return new Promise((resolve) => {
    if (socket.readyState !== socket.OPEN) return resolve();
    // Answers to what a client sends do not wait for each other: one that reads none of them is let go.
    if (socket.bufferedAmount > maxUnsent) socket.terminate();
    // A socket that fails meanwhile is told of by its close.
    socket.send(text, () => resolve());
  });
}

function keepAlive(socket: WebSocket, intervalMs: number): void {
  let hasAnswered = true;
  const timer = setInterval(() => {
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
