import { GraphQLError, GraphQLScalarType, type ValueNode, visit } from 'graphql';
import { GraphQLDateTime, GraphQLJSONObject, GraphQLSafeInt, GraphQLURL } from 'graphql-scalars';
import { GraphQLUpload } from 'graphql-upload-minimal';
import { type ClassType, Field, ID, Int, InterfaceType, ObjectType } from 'type-graphql';
import { maxTotal, type Page, type PageRequest, type ReadPage, type Total } from '../../database/page.js';
import { AttachmentError } from '../../errors.js';
import { instantText } from './instant-text.js';

const described = (scalar: GraphQLScalarType, description: string, specifiedByURL?: string) => {
  const config = scalar.toConfig();
  return new GraphQLScalarType({
    ...config,
    description,
    specifiedByURL: specifiedByURL ?? config.specifiedByURL,
  });
};

/** The library's scalar would leave a name without quotation marks out, for JSON has none. */
function refuseNames(literal: ValueNode): void {
  const refuse = (name: ValueNode & { value: string }) => {
    const message = `JSONObject cannot represent the name ${name.value}: write a text in quotation marks.`;
    throw new GraphQLError(message, { nodes: name });
  };
  visit(literal, { EnumValue: refuse });
}

/** RFC 3339 has years of four digits. Near their ends an offset leads to another one, which could not be told in UTC. */
function withinYears(instant: Date): Date {
  const year = instant.getUTCFullYear();
  if (year >= 0 && year <= 9_999) return instant;
  throw new GraphQLError(
    'DateTime cannot represent an instant that is not in the years 0000 to 9999 in UTC.',
  );
}

/** Serialized to text, not to a Date that `JSON.stringify` would have to ask for its text. */
export const DateTime = new GraphQLScalarType({
  ...GraphQLDateTime.toConfig(),
  description: 'RFC 3339 instant, UTC, millisecond precision.',
  specifiedByURL: 'https://scalars.graphql.org/andimarek/date-time.html',
  serialize: (value) => instantText(GraphQLDateTime.serialize(value)),
  parseValue: (value) => withinYears(GraphQLDateTime.parseValue(value)),
  parseLiteral: (node, variables) => withinYears(GraphQLDateTime.parseLiteral(node, variables)),
});
export const SafeInt = described(GraphQLSafeInt, 'Integer in ±(2^53-1). Every size is in bytes.');
/** All that are given were made here or were parsed when they came: to parse them once more is a thirtieth of a list. */
export const Url = new GraphQLScalarType({
  ...GraphQLURL.toConfig(),
  description: 'An absolute URL.',
  specifiedByURL: 'https://url.spec.whatwg.org/',
  serialize: String,
});
export const JsonObject = new GraphQLScalarType({
  ...GraphQLJSONObject.toConfig(),
  description: 'A JSON object. A number that a double cannot hold exactly is refused.',
  parseLiteral: (node, variables) => {
    refuseNames(node);
    return GraphQLJSONObject.parseLiteral(node, variables);
  },
});
export const Upload = described(
  GraphQLUpload,
  'A file part of a GraphQL multipart request.',
  'https://github.com/jaydenseric/graphql-multipart-request-spec',
);

@InterfaceType({
  description:
    'An object with an id that is unique among all objects, as Relay and normalizing caches expect.',
})
export abstract class Node {
  @Field(() => ID, { description: 'Opaque. It finds the object by node(id).' })
  id!: string;
}

const maxTotalText = maxTotal.toLocaleString('en');

@ObjectType({
  description: "The place of a page in its list, as in Relay's connections.",
  simpleResolvers: true,
})
class PageInfo {
  @Field(() => Boolean, { description: 'Whether items follow this page.' })
  hasNextPage!: () => Promise<boolean>;

  @Field(() => Boolean, { description: 'Whether items precede this page.' })
  hasPreviousPage!: () => Promise<boolean>;

  @Field(() => String, {
    description: 'The cursor of the first edge; null for an empty page.',
    nullable: true,
  })
  startCursor!: () => string | null;

  @Field(() => String, {
    description: 'The cursor of the last edge; null for an empty page.',
    nullable: true,
  })
  endCursor!: () => string | null;
}

export interface Edge<Value> {
  readonly cursor: string;
  node: Value;
}

/** A page as clients see it. The total is counted only for those who ask. */
export interface ConnectionOf<Value> {
  edges: Edge<Value>[];
  nodes: Value[];
  pageInfo: PageInfo;
  totalCount: () => Promise<number>;
  totalCountIsExact: () => Promise<boolean>;
}

/** Reads a page. Whatever else is beyond it, or how many there are, is looked up for those who ask. */
export async function connect<From, Value>(
  request: PageRequest,
  read: ReadPage<From>,
  present: (node: From) => Value,
  count: () => Promise<Total>,
): Promise<ConnectionOf<Value>> {
  const { edges, hasMore } = await read(request);
  let counted: Promise<Total> | null = null;
  // Counted once, if both fields are asked for.
  const total = () => (counted ??= count());
  const nodes = edges.map(({ node }) => present(node));
  return new Connection(edges, nodes, toPageInfo(request, read, { edges, hasMore }), total);
}

/** A class, for V8 makes a shape of its own for each object literal with a getter, and keeps it with all that the getter can reach. */
class Connection<Value> implements ConnectionOf<Value> {
  constructor(
    private readonly found: readonly { cursor: string }[],
    readonly nodes: Value[],
    readonly pageInfo: PageInfo,
    private readonly total: () => Promise<Total>,
  ) {}

  /** Made for those who ask. */
  get edges(): Edge<Value>[] {
    return this.found.map(({ cursor }, index) => ({ cursor, node: this.nodes[index] as Value }));
  }

  readonly totalCount = async () => (await this.total()).count;
  readonly totalCountIsExact = async () => (await this.total()).isExact;
}

/** An empty page that was asked for has nothing beside it: whoever walks by such pages comes to an end. */
function toPageInfo(
  { size, isLast, after, before }: PageRequest,
  read: ReadPage<unknown>,
  { edges, hasMore }: Page<unknown>,
): PageInfo {
  const startCursor = () => edges[0]?.cursor ?? null;
  const endCursor = () => edges.at(-1)?.cursor ?? null;
  const next = () => ({ size: 1, isLast: false, after: endCursor() ?? after, before: null });
  const previous = () => ({ size: 1, isLast: true, after: null, before: startCursor() ?? before });
  return {
    startCursor,
    endCursor,
    hasNextPage: async () =>
      (!isLast && hasMore) || (size > 0 && before !== null && (await isSomeOf(read, next()))),
    hasPreviousPage: async () =>
      (isLast && hasMore) || (size > 0 && after !== null && (await isSomeOf(read, previous()))),
  };
}

/** Whether the page has an item. True if too many rows would have to be looked at: the client has come by there. */
async function isSomeOf(read: ReadPage<unknown>, request: PageRequest): Promise<boolean> {
  try {
    return (await read(request)).edges.length > 0;
  } catch (error) {
    const isCut = ({ details }: AttachmentError) =>
      details.some(({ type }) => type === 'too_many_rows' || type === 'too_much_hidden');
    if (error instanceof AttachmentError && isCut(error)) return true;
    throw error;
  }
}

/** The type `<name>Edge` and the base of the type `<name>Connection` over nodes of one type. */
export function connectionType<Value extends object>(name: string, node: ClassType<Value>) {
  @ObjectType(`${name}Edge`, { simpleResolvers: true, description: 'An item of a page.' })
  class EdgeType implements Edge<Value> {
    @Field(() => String, { description: 'Its place in the list, for after and before. Opaque.' })
    cursor!: string;

    @Field(() => node, { description: 'The item.' })
    node!: Value;
  }

  @ObjectType(`${name}Connection`, { simpleResolvers: true, description: 'A page of a list.' })
  class ConnectionType implements ConnectionOf<Value> {
    @Field(() => [EdgeType], { description: 'The items, each with its cursor.' })
    edges!: EdgeType[];

    @Field(() => [node], { description: 'The items alone.' })
    nodes!: Value[];

    @Field(() => PageInfo, { description: 'The place of the page in the list.' })
    pageInfo!: PageInfo;

    @Field(() => Int, { description: `Of all that match; counted to ${maxTotalText} at most.` })
    totalCount!: () => Promise<number>;

    @Field(() => Boolean, { description: 'False where there are, or may be, more than totalCount says.' })
    totalCountIsExact!: () => Promise<boolean>;
  }

  return ConnectionType;
}
