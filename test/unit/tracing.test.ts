import { beginRequestSpan, inInnerSpan, inSpan, isTracing, keepSpan } from '../../src/tracing.js';

describe('without an SDK', () => {
  test('work is called as it is: no span, no other promise, no context', async () => {
    expect(isTracing()).toBe(false);
    const done = Promise.resolve('done');
    expect(inSpan('x', {}, () => done)).toBe(done);
    expect(inInnerSpan('x', {}, () => done, 'CLIENT')).toBe(done);
    expect(keepSpan()(() => done)).toBe(done);
    expect(
      beginRequestSpan('x', {}, { traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` }),
    ).toBeNull();
    await inSpan('x', {}, async (note) => note({ 'claimcheck.x': 1 }));
  });
});
