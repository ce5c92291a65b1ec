import type { Policy } from '../../../src/policies/check-policy.js';
import { type PolicyQuery, resolvePolicy } from '../../../src/policies/choose-policy.js';
import type { PolicyBook } from '../../../src/policies/load-policies.js';

const policyNamed = (name: string): Policy => ({
  name,
  maxFileSize: 1,
  acceptedTypes: null,
  extensions: 'any',
  maxCount: null,
  sharing: 'EXCLUSIVE',
});

const fields = (...names: string[]) => new Map(names.map((name) => [name, policyNamed(`field ${name}`)]));

const book: PolicyBook = {
  policies: new Map(['default', 'other'].map((name) => [name, policyNamed(name)])),
  recordTypes: new Map([
    ['Event', { policy: policyNamed('event'), fields: fields('file') }],
    ['Document', { policy: null, fields: fields('file') }],
    ['*', { policy: policyNamed('any'), fields: fields('avatar') }],
  ]),
};
const closedBook: PolicyBook = {
  ...book,
  recordTypes: new Map([...book.recordTypes].filter(([type]) => type !== '*')),
};

const outcome = (from: PolicyBook, query: PolicyQuery) => {
  const resolved = resolvePolicy(from, query);
  return 'policy' in resolved ? resolved.policy.name : resolved.fault.type;
};

test.each<[string, PolicyQuery, string]>([
  ['nothing named', {}, 'default'],
  ['only nulls', { policy: null, record: null, field: null }, 'default'],
  ['a field of no record', { field: 'file' }, 'default'],
  ['a policy', { policy: 'other' }, 'other'],
  ['a policy, whatever the record', { policy: 'other', record: { type: 'Event' }, field: 'file' }, 'other'],
  ['a policy that is not there', { policy: 'none', record: { type: 'Event' } }, 'unknown_policy'],
  ['an empty name', { policy: '' }, 'unknown_policy'],
  ['a record type', { record: { type: 'Event' } }, 'event'],
  ['a record type that has no record yet', { recordType: 'Event' }, 'event'],
  ['its field, without a record', { recordType: 'Event', field: 'file' }, 'field file'],
  ['a record before its type', { record: { type: 'Event' }, recordType: 'Task' }, 'event'],
  ['its field', { record: { type: 'Event' }, field: 'file' }, 'field file'],
  ['another field of it', { record: { type: 'Event' }, field: 'image' }, 'event'],
  [
    'a field of any record, where the record type has its own policy',
    { record: { type: 'Event' }, field: 'avatar' },
    'event',
  ],
  ['a record type with policies for fields only', { record: { type: 'Document' } }, 'any'],
  ['its field ', { record: { type: 'Document' }, field: 'file' }, 'field file'],
  ['another field of it ', { record: { type: 'Document' }, field: 'avatar' }, 'field avatar'],
  ['a record type that is not listed', { record: { type: 'Task' }, field: 'file' }, 'any'],
  ['a field of any record', { record: { type: 'Task' }, field: 'avatar' }, 'field avatar'],
  [
    'names that mean something to the language',
    { record: { type: '__proto__' }, field: 'constructor' },
    'any',
  ],
  ['a policy of such a name', { policy: '__proto__' }, 'unknown_policy'],
])('%s', (_what, query, expected) => {
  expect(outcome(book, query)).toBe(expected);
});

test.each<[PolicyQuery, string]>([
  [{ record: { type: 'Event' } }, 'event'],
  [{ record: { type: 'Document' }, field: 'file' }, 'field file'],
  [{ record: { type: 'Document' } }, 'record_type_not_eligible'],
  [{ record: { type: 'Document' }, field: 'image' }, 'record_type_not_eligible'],
  [{ record: { type: 'Task' } }, 'record_type_not_eligible'],
  [{ record: { type: '*' } }, 'record_type_not_eligible'],
  [{ record: { type: 'constructor' } }, 'record_type_not_eligible'],
  [{}, 'default'],
])('without a policy for any record: %j', (query, expected) => {
  expect(outcome(closedBook, query)).toBe(expected);
});

test('a fault says where it lies', () => {
  expect(resolvePolicy(book, { policy: 'none' })).toEqual({
    fault: { loc: ['policy'], type: 'unknown_policy', msg: 'There is no policy "none".' },
  });
  expect(resolvePolicy(closedBook, { record: { type: 'Task' }, field: 'file' })).toEqual({
    fault: {
      loc: ['record', 'type'],
      type: 'record_type_not_eligible',
      msg: 'Records of type "Task" take no attachments in this field.',
    },
  });
});
