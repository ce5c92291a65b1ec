import { writeFileSync } from 'node:fs';
import { printSortedSchema } from '../../src/graphql/print-schema.js';

writeFileSync('schema.graphql', printSortedSchema());
