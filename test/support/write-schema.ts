import { writeFileSync } from 'node:fs';
import { documentOf, operationNames } from '../../src/client/documents.js';
import { settingDescriptions } from '../../src/config/config.js';
import { printSorted, printSubgraph } from '../../src/graphql/print-schema.js';
import { createSchema } from '../../src/graphql/schema.js';
import { writeClientTypes } from './client-types.js';

const introduction = `# Copy to .env and fill in. Every setting is optional; the values here are the defaults. docs/settings.md tells more.
# \`set -a; . ./.env; set +a; npm start\` uses it; so do EnvironmentFile of systemd and env_file of Docker.
`;
const settings = settingDescriptions.map(
  ({ name, meaning, preset }) => `# ${meaning}\n#${name}=${preset ?? ''}\n`,
);
const schema = createSchema();

writeFileSync('schema.graphql', printSorted(schema));
writeFileSync('schema.subgraph.graphql', printSubgraph(schema));
writeFileSync('.env.example', [introduction, ...settings].join('\n'));
writeFileSync('src/client/schema-types.ts', writeClientTypes(schema, operationNames.map(documentOf)));
