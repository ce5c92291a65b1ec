import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { readPage, tableOf } from '../../support/doc-page.js';
import { startService, type TestService } from '../../support/service.js';
import { describeWithPackages } from '../../support/skip-without.js';
import { repositoryRoot } from '../../support/source-files.js';

const folder = join(repositoryRoot, 'test/system/clients/tools');
const text = readFileSync(join(repositoryRoot, 'schema.graphql'), 'utf8');

type GraphqlPackage = Pick<
  typeof import('graphql'),
  | 'buildClientSchema'
  | 'buildSchema'
  | 'getIntrospectionQuery'
  | 'lexicographicSortSchema'
  | 'printSchema'
  | 'validateSchema'
  | 'version'
>;

/** The words of GraphQL.js about a directive that older ones do not know. The file has none, for it is not ours. */
const wordsOfOneOf = /"""[^"]*"""\n(?=directive @oneOf )/;

/** The name in GraphQL.js 15 of a field that the specification has named otherwise since. */
const oldName = /\bspecifiedByUrl\b/;

describeWithPackages(folder, () => {
  const load = createRequire(join(folder, 'package.json'));
  let service: TestService;
  beforeAll(async () => {
    service = await startService();
  });
  afterAll(() => service.close());

  const all = { directiveIsRepeatable: true, inputValueDeprecation: true, oneOf: true } as const;

  test.each(['graphql-15', 'graphql-16-8', 'graphql'])(
    'the package %s reads the same of schema.graphql as of introspection',
    async (name) => {
      const graphql = load(name) as GraphqlPackage;
      const print = (schema: ReturnType<typeof graphql.buildSchema>) =>
        graphql.printSchema(graphql.lexicographicSortSchema(schema)).replace(wordsOfOneOf, '');
      const asked = graphql.getIntrospectionQuery({ ...all, specifiedByUrl: true, schemaDescription: true });
      const query = asked.replace(oldName, '$&: specifiedByURL');
      const introspected = graphql.buildClientSchema(await service.client.ask(query));
      const written = graphql.buildSchema(text);
      expect(graphql.validateSchema(written)).toEqual([]);
      expect(print(introspected)).toBe(print(written));
      const isKnown = graphql.printSchema(written).includes('input AttachmentContentInput @oneOf');
      const [, , told] =
        tableOf(readPage('docs/clients.md'), 'GraphQL.js').find(([version]) => version === graphql.version) ??
        [];
      expect(told).toBe(isKnown ? 'known' : 'defined by the file');
    },
  );
});
