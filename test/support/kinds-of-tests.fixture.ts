const failure = () => {
  throw new Error('fails at this line');
};

test('passes', () => {});
test.failing('fails, as it says', failure);
test.failing.each([1, 2])('fails for %i, as it says', failure);
test.concurrent('passes beside others', async () => {});
test.todo('is not written');
test('fails', failure);
test.failing('passes, and says it fails', () => {});
