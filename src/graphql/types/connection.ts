import { type ClassType, Field, Int, ObjectType } from 'type-graphql';
import { maxTotal, type Page, type Total } from '../../database/page.js';

const maxTotalText = maxTotal.toLocaleString('en');

@ObjectType({ simpleResolvers: true })
export class PageInfo {
  @Field(() => Boolean)
  hasNextPage!: boolean;

  @Field(() => Boolean)
  hasPreviousPage!: boolean;

  @Field(() => String, { nullable: true })
  startCursor!: string | null;

  @Field(() => String, { nullable: true })
  endCursor!: string | null;
}

export interface Edge<Value> {
  cursor: string;
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

export function toConnection<From, Value>(
  { edges, hasNextPage, hasPreviousPage }: Page<From>,
  present: (node: From) => Value,
  count: () => Promise<Total>,
): ConnectionOf<Value> {
  let counted: Promise<Total> | null = null;
  // Counted once, if both fields are asked for.
  const total = () => (counted ??= count());
  const shown = edges.map(({ cursor, node }) => ({ cursor, node: present(node) }));
  return {
    edges: shown,
    nodes: shown.map(({ node }) => node),
    pageInfo: {
      hasNextPage,
      hasPreviousPage,
      startCursor: shown[0]?.cursor ?? null,
      endCursor: shown.at(-1)?.cursor ?? null,
    },
    totalCount: async () => (await total()).count,
    totalCountIsExact: async () => (await total()).isExact,
  };
}

/** The type `<name>Edge` and the base of the type `<name>Connection` over nodes of one type. */
export function connectionType<Value extends object>(name: string, node: ClassType<Value>) {
  @ObjectType(`${name}Edge`, { simpleResolvers: true })
  class EdgeType implements Edge<Value> {
    @Field(() => String)
    cursor!: string;

    @Field(() => node)
    node!: Value;
  }

  @ObjectType(`${name}Connection`, { simpleResolvers: true })
  class ConnectionType implements ConnectionOf<Value> {
    @Field(() => [EdgeType])
    edges!: EdgeType[];

    @Field(() => [node])
    nodes!: Value[];

    @Field(() => PageInfo)
    pageInfo!: PageInfo;

    @Field(() => Int, { description: `Of all that match; counted to ${maxTotalText} at most.` })
    totalCount!: () => Promise<number>;

    @Field(() => Boolean, { description: 'False where there are, or may be, more than totalCount says.' })
    totalCountIsExact!: () => Promise<boolean>;
  }

  return ConnectionType;
}
