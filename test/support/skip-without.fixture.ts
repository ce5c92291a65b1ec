import { describeWithProgram } from './skip-without.js';

describeWithProgram('node', 'apt-get install nodejs', (path) => {
  test('runs where the program is', () => {
    expect(path).toMatch(/.\/node$/);
  });
});

describeWithProgram('no-such-program', 'apt-get install no-such-package', () => {
  test('does not run where it is not', () => {
    throw new Error('This ran without its program.');
  });
});
