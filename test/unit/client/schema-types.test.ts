import { readFileSync } from 'node:fs';
import { parse, validate } from 'graphql';
import { retryableCodes } from '../../../src/client/client-error.js';
import { documentOf, operationNames } from '../../../src/client/documents.js';
import { errorCodes, isRetryable } from '../../../src/errors.js';
import { createSchema } from '../../../src/graphql/schema.js';
import { writeClientTypes } from '../../support/client-types.js';

const schema = createSchema();

test.each(operationNames)('%s fits the schema', (name) => {
  const faults = validate(schema, parse(documentOf(name)));
  expect(faults.map(({ message }) => message)).toEqual([]);
});

test('the types are those of the schema (npm run schema writes them)', () => {
  const written = writeClientTypes(schema, operationNames.map(documentOf));
  expect(readFileSync('src/client/schema-types.ts', 'utf8')).toBe(written);
  expect(written).toContain('data: { attachment: AttachmentFields | null };');
});

test('a code is retryable for the client if it is for the service', () => {
  const ofClient = errorCodes.filter((code) => retryableCodes.has(code));
  expect(ofClient).toEqual(errorCodes.filter(isRetryable));
});
