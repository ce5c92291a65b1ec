import { type GraphQLResolveInfo, GraphQLScalarType, valueFromASTUntyped } from 'graphql';
import { Arg, Ctx, createUnionType, Field, Info, ObjectType, Query, Resolver } from 'type-graphql';
import { toId } from '../../database/typeorm.js';
import { Faults, type Loc } from '../../errors.js';
import { checkName } from '../../model/record.js';
import type { GraphqlContext } from '../context.js';
import { printSubgraph } from '../print-schema.js';
import { Attachment, toAttachment } from '../types/attachment.js';
import { HostRecord, toHostRecord } from '../types/record.js';

/** Bytes of JSON of one representation; a key needs half of that at most. */
const maxRepresentationBytes = 4_096;

const Any = new GraphQLScalarType({
  name: '_Any',
  description: 'An entity as another subgraph names it: its `__typename` and its key.',
  parseValue: (value) => value,
  parseLiteral: valueFromASTUntyped,
});

const Entity = createUnionType({
  name: '_Entity',
  description: 'A type that other subgraphs can name by its key.',
  types: () => [Attachment, HostRecord] as const,
  resolveType: (value) => (value instanceof Attachment ? Attachment : HostRecord),
});

@ObjectType('_Service', { simpleResolvers: true })
class SubgraphText {
  @Field(() => String, { description: 'The schema for the composition, as in schema.subgraph.graphql.' })
  sdl!: string;
}

/** The fields by which a gateway of Federation 2 asks. */
@Resolver()
export class Federation {
  @Query(() => SubgraphText, {
    name: '_service',
    description: 'The schema as a subgraph. It needs a credential only if introspection is switched off.',
  })
  service(@Ctx() context: GraphqlContext, @Info() { schema }: GraphQLResolveInfo): SubgraphText {
    return { sdl: context.deps.introspection || context.viewer ? printSubgraph(schema) : '' };
  }

  @Query(() => [Entity], {
    name: '_entities',
    nullable: 'items',
    description:
      'The entity of each representation, in order; null where there is none or the viewer may not see it.',
  })
  async entities(
    @Arg('representations', () => [Any], {
      description: `Each of at most ${maxRepresentationBytes.toLocaleString('en')} bytes of JSON; members beside the key are ignored.`,
    })
    representations: unknown[],
    @Ctx() context: GraphqlContext,
  ): Promise<unknown[]> {
    const entities = readRepresentations(representations).map(
      async ({ __typename, type = '', recordId = '', id = '' }) =>
        __typename === 'Attachment' ? findAttachment(context, id) : toHostRecord({ type, id: recordId }),
    );
    // An error in the place of an item fails that item alone.
    return (await Promise.allSettled(entities)).map((entity): unknown =>
      entity.status === 'fulfilled' ? entity.value : entity.reason,
    );
  }
}

async function findAttachment({ access, loaders }: GraphqlContext, id: string): Promise<Attachment | null> {
  const found = await access.view(await loaders.anywhere.load(toId(id)));
  return found && toAttachment(found);
}

/** The members of each entity's key. */
const keys: Readonly<Record<string, readonly string[]>> = {
  Attachment: ['id'],
  HostRecord: ['type', 'recordId'],
};

type Key = Readonly<Record<string, string>>;

/** Throws BAD_USER_INPUT that names every fault of every representation. */
function readRepresentations(representations: readonly unknown[]): Key[] {
  const faults = new Faults();
  const found = representations.map((representation, index) =>
    readKey(faults, representation, ['representations', index]),
  );
  faults.throwIfAny();
  return found;
}

function readKey(faults: Faults, representation: unknown, loc: Loc): Key {
  if (typeof representation !== 'object' || representation === null) {
    faults.add('bad_user_input', loc, 'A representation is an object with __typename and a key.');
    return {};
  }
  if (Buffer.byteLength(JSON.stringify(representation)) > maxRepresentationBytes) {
    const msg = `Must have at most ${maxRepresentationBytes} bytes of JSON.`;
    faults.add('too_long', loc, msg, { limit: maxRepresentationBytes });
    return {};
  }
  const { __typename: typename, ...members } = representation as Readonly<Record<string, unknown>>;
  if (typeof typename !== 'string' || !Object.hasOwn(keys, typename)) {
    const msg = `Must be one of ${Object.keys(keys).join(' and ')}.`;
    faults.add('unknown_entity', [...loc, '__typename'], msg);
    return {};
  }
  const key = keys[typename]?.map((name) => [name, readMember(faults, members[name], [...loc, name])]) ?? [];
  return { __typename: typename, ...Object.fromEntries(key) };
}

/** Other languages send an id as a number. */
function readMember(faults: Faults, value: unknown, loc: Loc): string {
  const text = Number.isSafeInteger(value) ? String(value) : value;
  if (typeof text !== 'string') {
    faults.add('bad_user_input', loc, 'Must be a text.');
    return '';
  }
  checkName(faults, text, loc);
  return text;
}
