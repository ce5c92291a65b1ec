import { lexicographicSortSchema, printSchema } from 'graphql';
import { createSchema } from './schema.js';

/** The text of schema.graphql. */
export function printSortedSchema(): string {
  return `${printSchema(lexicographicSortSchema(createSchema()))}\n`;
}
