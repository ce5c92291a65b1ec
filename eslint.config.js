import plugin from '@graphql-eslint/eslint-plugin';

const { 'flat/schema-recommended': recommended, 'flat/schema-relay': relay } = plugin.configs;
const [, naming] = recommended.rules['@graphql-eslint/naming-convention'];

/** Lints schema.graphql alone: Biome lints what is written in TypeScript. */
export default [
  {
    files: ['schema.graphql'],
    languageOptions: {
      parser: plugin.parser,
      parserOptions: { graphQLConfig: { schema: './schema.graphql' } },
    },
    plugins: { '@graphql-eslint': plugin },
    rules: {
      ...recommended.rules,
      ...relay.rules,
      '@graphql-eslint/require-description': [
        'error',
        {
          types: true,
          rootField: true,
          FieldDefinition: true,
          InputValueDefinition: true,
          EnumValueDefinition: true,
          // The one argument of each mutation, whose type is described; and the payloads, which only hold what is.
          ignoredSelectors: ['InputValueDefinition[name.value=input]', '[name.value=/Payload$/]'],
        },
      ],
      // A content type is a type: AcceptedType may end so.
      '@graphql-eslint/naming-convention': [
        'error',
        { ...naming, 'ObjectTypeDefinition,ObjectTypeExtension': { forbiddenPrefixes: ['Type'] } },
      ],
      // Only what can be found again by its id has one. Pages, payloads and values are no objects of their own.
      '@graphql-eslint/strict-id-in-types': 'off',
      // `nodes` beside `edges` is what most clients read, and a list that is bounded needs no pages. Events of the audit are
      // no nodes: nothing refers to one.
      '@graphql-eslint/relay-edge-types': [
        'error',
        { withEdgeSuffix: true, shouldImplementNode: false, listTypeCanWrapOnlyEdgeType: false },
      ],
    },
  },
];
