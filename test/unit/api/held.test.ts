import { Held } from '../../../src/graphql/answer-operation.js';

test('a held value is given once, and then reached no more', () => {
  const answer = { data: {} };
  const held = new Held(answer);
  expect(held.take()).toBe(answer);
  expect(held.take()).toBeUndefined();
});
