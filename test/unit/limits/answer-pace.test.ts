import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { AnswerPace } from '../../../src/limits/pace.js';

const limits = { stallTimeoutMs: 40, minBytesPerSecond: 1_024 };
/** Looks in several times the limit: there are eight in each. */
const manyLooks = 40;

/** An answer whose connection is as a test says at each look. */
class FakeAnswer extends EventEmitter {
  destroyed = false;
  looks = 0;
  taken = 0;
  isTooSlow = false;
  readonly #change: (answer: FakeAnswer) => number;

  /** `change` is called at each look, and returns how many bytes wait. */
  constructor(change: (answer: FakeAnswer) => number) {
    super();
    this.#change = change;
  }

  get socket() {
    const waiting = this.#change(this);
    this.looks += 1;
    return { writableLength: waiting, bytesWritten: this.taken + waiting };
  }

  watchedBy(pace: AnswerPace): this {
    pace.watch(this as unknown as ServerResponse, () => {
      this.isTooSlow = true;
    });
    return this;
  }

  async looked(times: number): Promise<void> {
    const end = this.looks + times;
    while (this.looks < end) await new Promise((resolve) => setTimeout(resolve, 1));
  }

  async foundTooSlow(): Promise<void> {
    while (!this.isTooSlow) await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

const mebibyte = 1024 * 1024;
const answers: FakeAnswer[] = [];
let pace: AnswerPace;
const watch = (change: (answer: FakeAnswer) => number) => {
  const answer = new FakeAnswer(change).watchedBy(pace);
  answers.push(answer);
  return answer;
};

beforeEach(() => {
  pace = new AnswerPace(limits);
});
afterEach(() => {
  for (const answer of answers.splice(0)) answer.emit('close');
});

test('a client that takes nothing, or less than the rate, is too slow', async () => {
  const stalled = watch(() => mebibyte);
  const dripping = watch((answer) => {
    answer.taken += 1;
    return mebibyte;
  });
  await Promise.all([stalled.foundTooSlow(), dripping.foundTooSlow()]);
});

test('one for whom nothing waits is not, nor one that takes all before the time is over', async () => {
  const idle = watch(() => 0);
  const bursts = watch((answer) => (answer.looks % 2 === 0 ? 0 : mebibyte));
  await Promise.all([idle.looked(manyLooks), bursts.looked(manyLooks)]);
  expect([idle.isTooSlow, bursts.isTooSlow]).toEqual([false, false]);
});

test('one that takes more than the rate is not, however much waits; it is once it stops', async () => {
  let isTaking = true;
  const steady = watch((answer) => {
    if (isTaking) answer.taken += mebibyte;
    return 64 * mebibyte;
  });
  await steady.looked(manyLooks);
  expect(steady.isTooSlow).toBe(false);
  isTaking = false;
  await steady.foundTooSlow();
});

test('an answer is watched to its end, and others after it', async () => {
  const ended = watch(() => mebibyte);
  const other = watch(() => 0);
  await ended.looked(1);
  ended.emit('close');
  const { looks } = ended;
  await other.looked(2 * 8);
  expect([ended.looks, ended.isTooSlow]).toEqual([looks, false]);
  other.emit('close');
  const next = watch(() => mebibyte);
  await next.foundTooSlow();
});

test('one that is over, or watched already, is not watched', async () => {
  const over = new FakeAnswer(() => mebibyte);
  over.destroyed = true;
  over.watchedBy(pace);
  const twice = watch(() => 0).watchedBy(pace);
  const once = watch(() => 0);
  await once.looked(10);
  expect([over.looks, Math.abs(twice.looks - once.looks) <= 1]).toEqual([0, true]);
});
