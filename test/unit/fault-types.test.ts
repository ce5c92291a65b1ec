import { errorTable, Faults, type FaultType, fault } from '../../src/errors.js';
import { faultTypes } from '../../src/fault-types.js';
import { readSources } from '../support/source-files.js';

const codesByType = new Map<string, string[]>();
for (const [code, types] of Object.entries(faultTypes))
  for (const type of Object.keys(types)) codesByType.set(type, [...(codesByType.get(type) ?? []), code]);

/** These do not compile if `fault` takes a type that is not in the table, or a code that has no such type. */
const isUnheardOfKnown: 'unheard_of' extends FaultType ? true : false = false;
type Options = NonNullable<Parameters<typeof fault<'too_many'>>[3]>;
const isOtherCodeTaken: 'NOT_FOUND' extends Options['code'] ? true : false = false;

test('every code of the table is one of the schema, in the order of the schema', () => {
  const codes = Object.keys(faultTypes);
  expect(codes).toEqual(Object.keys(errorTable).filter((code) => codes.includes(code)));
});

test('a fault comes under the first code that has its type, by itself and among others', () => {
  for (const [type, [code]] of codesByType) {
    expect(fault(type as FaultType, ['a'], 'Wrong.')).toMatchObject({ code, details: [{ type }] });
    const faults = new Faults();
    faults.add(type as FaultType, ['a'], 'Wrong.');
    expect(() => faults.throwIfAny()).toThrow(expect.objectContaining({ code }));
  }
});

test('a type comes under several codes only as the table says', () => {
  const shared = [...codesByType].filter(([, codes]) => codes.length > 1).map(([type]) => type);
  expect(fault('too_many', [], 'x', { code: 'TOO_MANY_ATTACHMENTS' }).code).toBe('TOO_MANY_ATTACHMENTS');
  expect([isUnheardOfKnown, isOtherCodeTaken]).toEqual([false, false]);
  expect(shared.toSorted()).toEqual([
    'client_aborted',
    'control_character',
    'empty',
    'json_invalid',
    'json_too_deep',
    'lone_surrogate',
    'timeout',
    'too_costly',
    'too_deep',
    'too_long',
    'too_many',
  ]);
});

test('every type of the table is the fault of something', () => {
  const sources = readSources('src').filter(({ path }) => path !== 'src/fault-types.ts');
  const words = new Set(sources.flatMap(({ text }) => text.match(/(?<=')\w+(?=')|\w+(?=: ['{`])/g) ?? []));
  expect([...codesByType.keys()].filter((type) => !words.has(type))).toEqual([]);
});
