import { EventStream } from '../../../src/graphql/subscriptions/event-stream.js';

const pieces = ['first ', 'second ', 'third'].map((text) => Buffer.from(text));

/** A stream whose client takes all that comes, and the turns that it waits for. */
function open() {
  const turns: (() => void)[] = [];
  const stream = new EventStream({
    address: '127.0.0.1',
    logError: (error) => {
      throw error;
    },
    inTurn: (run) => void turns.push(run),
  });
  let taken = '';
  stream.on('data', (piece: Buffer) => {
    taken += piece.toString();
  });
  /** Lets the stream come to rest. Each turn is one piece at most. */
  const rest = () => new Promise((resolve) => setImmediate(resolve));
  return { stream, turns, rest, taken: () => taken };
}

test('each piece but the first waits for a turn, however much the client takes', async () => {
  const { stream, turns, rest, taken } = open();
  await rest();
  const sent = stream.sendPieces(pieces);
  await rest();
  expect([taken(), turns.length]).toEqual(['first ', 1]);
  turns.shift()?.();
  await rest();
  expect([taken(), turns.length]).toEqual(['first second ', 1]);
  turns.shift()?.();
  await sent;
  expect(taken()).toBe('first second third');
});

test('a stream that ends while it waits for a turn says nothing more', async () => {
  const { stream, turns, rest, taken } = open();
  await rest();
  const sent = stream.sendPieces(pieces);
  await rest();
  stream.close();
  await sent;
  for (const run of turns) run();
  await rest();
  expect(taken()).toBe('first ');
  expect(stream.readableEnded).toBe(true);
});

test('a stream that is finished ends after its last piece', async () => {
  const { stream, turns, rest, taken } = open();
  await rest();
  const sent = stream.sendPieces(pieces);
  stream.finish();
  for (let round = 0; round < 4; round += 1) {
    await rest();
    turns.shift()?.();
  }
  await sent;
  await rest();
  expect([taken(), stream.readableEnded]).toEqual(['first second third', true]);
});
