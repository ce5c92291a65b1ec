import { fault } from '../../../src/errors.js';
import { builtInPolicies, checkPolicy, type Policy } from '../../../src/policies/check-policy.js';

const policy: Policy = {
  name: 'pictures',
  maxFileSize: 1000,
  acceptedTypes: new Map([
    ['image/png', new Set(['.png'])],
    ['image/jpeg', new Set(['.jpg', '.jpeg'])],
    ['text/plain', new Set(['.txt', '.c'])],
  ]),
  extensions: 'match',
  maxCount: null,
  sharing: 'EXCLUSIVE',
};

const file = { size: 1, contentType: 'image/png', fileName: 'a.png' };

test.each([
  [0, []],
  [999, []],
  [1000, []],
  [
    1001,
    [
      {
        loc: ['content'],
        type: 'file_too_large',
        msg: 'The file has 1001 bytes; at most 1000 are allowed.',
        limit: 1000,
      },
    ],
  ],
])('%i bytes', (size, expected) => {
  expect(checkPolicy(policy, { ...file, size })).toEqual(expected);
});

test.each([
  ['image/png', 'a.png', null],
  ['image/png', 'A.PNG', null],
  ['image/jpg', 'a.jpeg', null],
  ['text/plain', 'a.txt', null],
  ['text/x-c', 'a.c', null],
  ['text/html', 'a.txt', null],
  ['image/png', 'a', 'extension_not_allowed'],
  ['image/png', 'a.jpg', 'extension_not_allowed'],
  ['image/png', 'png', 'extension_not_allowed'],
  ['image/png', 'a.png.', 'extension_not_allowed'],
  ['text/plain', 'a.md', 'extension_not_allowed'],
  ['image/gif', 'a.gif', 'content_type_not_allowed'],
  ['image/gif', 'a.png', 'content_type_not_allowed'],
  ['application/octet-stream', 'a.png', 'content_type_not_allowed'],
  ['__proto__', 'a.png', 'content_type_not_allowed'],
])('%s named %s: %s', (contentType, fileName, expected) => {
  const faults = checkPolicy(policy, { size: 1, contentType, fileName });
  expect(faults.map(({ type }) => type)).toEqual(expected === null ? [] : [expected]);
  for (const { type, loc, msg } of faults)
    expect(fault(type, loc, msg).code).toBe('CONTENT_TYPE_NOT_ALLOWED');
});

test('a fault says what was found and what is accepted', () => {
  expect(checkPolicy(policy, { ...file, contentType: 'image/gif', fileName: 'a.gif' })).toEqual([
    {
      loc: ['contentType'],
      type: 'content_type_not_allowed',
      msg: 'The file is image/gif named .gif; accepted are image/png (.png), image/jpeg (.jpg .jpeg), text/plain (.txt .c).',
    },
  ]);
  expect(checkPolicy(policy, { ...file, contentType: 'image/jpeg', fileName: 'photo' })).toEqual([
    {
      loc: ['fileName'],
      type: 'extension_not_allowed',
      msg: 'The file is image/jpeg without an extension; accepted extensions of this type are .jpg .jpeg.',
    },
  ]);
});

test('everything is told at once', () => {
  const faults = checkPolicy(policy, { size: 2000, contentType: 'image/gif', fileName: 'a.gif' });
  expect(faults.map(({ type, loc, msg }) => fault(type, loc, msg).code)).toEqual([
    'FILE_TOO_LARGE',
    'CONTENT_TYPE_NOT_ALLOWED',
  ]);
});

test('the default policy accepts any type', () => {
  const any = builtInPolicies(10).get('default');
  if (!any) throw new Error('The default policy is not built in.');
  expect(checkPolicy(any, { size: 10, contentType: 'application/octet-stream', fileName: '' })).toEqual([]);
  expect(checkPolicy(any, { size: 11, contentType: 'a/b', fileName: 'c' })).toMatchObject([{ limit: 10 }]);
});
