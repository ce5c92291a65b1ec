import {
  type FragmentDefinitionNode,
  type GraphQLInputType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLSchema,
  getNamedType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  parse,
  type SelectionSetNode,
  typeFromAST,
} from 'graphql';

/** Characters of a line of the file. */
const lineWidth = 110;

const scalars: Readonly<Record<string, string>> = {
  ...{ Int: 'number', SafeInt: 'number', Boolean: 'boolean', JSONObject: 'Record<string, unknown>' },
  // A file goes in its place, as a part of its own.
  Upload: 'null',
};

const head = `/*
 * The types of the schema that the client's operations use. \`npm run schema\` writes this file, and a test compares it.
 */
`;

/** TypeScript's types of the operations in these documents, and of all that they use of the schema. */
export function writeClientTypes(schema: GraphQLSchema, documents: readonly string[]): string {
  return new ClientTypes(schema, documents).write();
}

class ClientTypes {
  readonly #schema: GraphQLSchema;
  readonly #operations: OperationDefinitionNode[] = [];
  readonly #fragments = new Map<string, FragmentDefinitionNode>();
  readonly #named = new Map<string, string>();

  constructor(schema: GraphQLSchema, documents: readonly string[]) {
    this.#schema = schema;
    for (const definition of documents.flatMap((document) => parse(document).definitions)) {
      if (definition.kind === Kind.OPERATION_DEFINITION) this.#operations.push(definition);
      if (definition.kind === Kind.FRAGMENT_DEFINITION)
        this.#fragments.set(definition.name.value, definition);
    }
  }

  write(): string {
    const operations = this.#operations.map((operation) => this.#writeOperation(operation));
    this.#nameInput('AttachmentErrorCode');
    const fragments = [...this.#fragments].map(([name, { selectionSet, typeCondition }]) => {
      const type = this.#schema.getType(typeCondition.name.value) as GraphQLObjectType;
      return `export interface ${name}Fields ${this.#writeSelection(type, selectionSet, '')}\n`;
    });
    const named = [...this.#named].toSorted(([one], [other]) => (one < other ? -1 : 1));
    const parts = [
      ...named.map(([, text]) => text),
      ...fragments,
      `export interface Operations {\n${operations.join('')}}\n`,
    ];
    return `${head}${parts.map((part) => `\n${part}`).join('')}`;
  }

  #writeOperation({ name, operation, selectionSet, variableDefinitions = [] }: OperationDefinitionNode) {
    const root = this.#schema.getRootType(operation);
    if (!root || !name) throw new Error('An operation has no name.');
    const variables = variableDefinitions.map(({ variable, type: node }) => {
      const type = typeFromAST(this.#schema, node as never) as unknown as GraphQLInputType;
      return `${variable.name.value}${this.#writeInput(type)}`;
    });
    const data = this.#writeSelection(root, selectionSet, '    ', operation !== 'query');
    const given = variables.length === 0 ? 'Record<string, never>' : writeObject(variables, '    ');
    return `  ${name.value}: {\n    variables: ${given};\n    data: ${data};\n  };\n`;
  }

  /** Root fields of changes are null only beside an error, which the client throws. */
  #writeSelection(type: GraphQLObjectType, { selections }: SelectionSetNode, indent: string, isSet = false) {
    const [first] = selections;
    if (first?.kind === Kind.FRAGMENT_SPREAD) return `${first.name.value}Fields`;
    const members = selections.map((selection): string => {
      if (selection.kind !== Kind.FIELD) throw new Error('A spread stands beside fields.');
      const { name, alias, selectionSet } = selection;
      const field = type.getFields()[name.value];
      if (!field) throw new Error(`${type.name} has no ${name.value}.`);
      const inner = this.#writeOutput(field.type, selectionSet, `${indent}  `);
      return `${alias?.value ?? name.value}: ${isSet ? inner.replace(/ \| null$/, '') : inner}`;
    });
    return writeObject(members, indent);
  }

  #writeOutput(type: GraphQLOutputType, selectionSet: SelectionSetNode | undefined, indent: string): string {
    if (!isNonNullType(type)) return `${this.#writeNonNull(type, selectionSet, indent)} | null`;
    return this.#writeNonNull(type.ofType, selectionSet, indent);
  }

  #writeNonNull(type: GraphQLOutputType, selectionSet: SelectionSetNode | undefined, indent: string): string {
    if (isListType(type)) return `${this.#writeOutput(type.ofType, selectionSet, indent)}[]`;
    if (isObjectType(type) && selectionSet) return this.#writeSelection(type, selectionSet, indent);
    return this.#nameInput(getNamedType(type).name);
  }

  /** The rest of a member: what may be left out may be undefined too. */
  #writeInput(type: GraphQLInputType, hasDefault = false): string {
    if (isNonNullType(type) && !hasDefault) return `: ${this.#writeItem(type.ofType)}`;
    const item = this.#writeItem(isNonNullType(type) ? type.ofType : type);
    return `?: ${item}${isNonNullType(type) || item === 'null' ? '' : ' | null'} | undefined`;
  }

  #writeItem(type: GraphQLInputType): string {
    if (isNonNullType(type)) return this.#writeItem(type.ofType);
    if (isListType(type)) return `${this.#writeItem(type.ofType)}[]`;
    return this.#nameInput(getNamedType(type).name);
  }

  /** The name of an input or an enum, which is declared once; the type of a scalar. */
  #nameInput(name: string): string {
    const type = this.#schema.getType(name);
    if (isEnumType(type)) this.#named.set(name, writeUnion(name, type.getValues()));
    if (isInputObjectType(type) && !this.#named.has(name)) {
      this.#named.set(name, '');
      const members = Object.values(type.getFields()).map((field) => {
        return `  ${field.name}${this.#writeInput(field.type, field.defaultValue !== undefined)};\n`;
      });
      this.#named.set(name, `export interface ${name} {\n${members.join('')}}\n`);
    }
    return isEnumType(type) || isInputObjectType(type) ? name : (scalars[name] ?? 'string');
  }
}

/** As many values on a line as it has room for. */
function writeUnion(name: string, values: readonly { name: string }[]): string {
  const lines = [`export type ${name} =`];
  for (const value of values) {
    const line = lines.at(-1) ?? '';
    const more = ` | '${value.name}'`;
    if (line.length + more.length < lineWidth) lines[lines.length - 1] = `${line}${more}`;
    else lines.push(` ${more}`);
  }
  return `${lines.join('\n').replace('= |', '=')};\n`;
}

/** On one line if that is short for sure, with all that may stand around it. */
function writeObject(members: readonly string[], indent: string): string {
  const line = `{ ${members.join('; ')} }`;
  if (indent !== '' && !line.includes('\n') && indent.length + line.length <= lineWidth) return line;
  return `{\n${members.map((member) => `${indent}  ${member};\n`).join('')}${indent}}`;
}
