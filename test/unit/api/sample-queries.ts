import fc from 'fast-check';
import { numberOf } from './sample-schema.js';

const leaves: Record<string, readonly string[]> = {
  Query: ['__typename'],
  Node: ['id', 'label', '__typename'],
  A: [
    'id',
    'label',
    'number',
    'required',
    'color',
    'odd',
    'oddRequired',
    'numbers',
    'numbersRequired',
    '__typename',
  ],
  B: ['id', 'label', 'number', 'required', '__typename'],
};
const branches: Record<string, Readonly<Record<string, string>>> = {
  Query: { a: 'A', aRequired: 'A', b: 'B', node: 'Node', nodes: 'Node' },
  Node: { kin: 'Node' },
  A: {
    ...{
      child: 'A',
      childRequired: 'A',
      children: 'A',
      childrenRequired: 'A',
      grid: 'B',
      node: 'Node',
      kin: 'Node',
    },
    ...{ nodes: 'Node', nodesRequired: 'Node' },
  },
  B: { child: 'B', children: 'A', node: 'Node', kin: 'Node' },
};
const condition = fc.constantFrom(
  '',
  '',
  '',
  '',
  '@skip(if: $s)',
  '@include(if: $i)',
  '@include(if: true)',
  '@skip(if: $i) @include(if: $s)',
);
const filters = ['$f', '{ name: null }', '{ name: $t, sizes: 3 }', '{ sizes: [1, $n] }', '{}'];
const argumentsOf: Record<string, fc.Arbitrary<string>> = {
  node: fc.constantFrom('(id: $id)', '(id: 7)'),
  nodes: fc.constantFrom(
    ...filters.flatMap((filter) => [`(first: $n, filter: ${filter})`, `(filter: ${filter})`]),
  ),
  label: fc.constantFrom(
    '',
    '(of: 2)',
    '(of: $n)',
    '(of: null)',
    ...filters.map((filter) => `(filter: ${filter})`),
  ),
};

function selections(type: string, depth: number): fc.Arbitrary<string> {
  const leaf = fc.constantFrom(...(leaves[type] ?? [])).chain((name) => field(type, name, fc.constant('')));
  const fragments = { Query: [], Node: ['Node', 'A', 'B'] }[type] ?? [type, 'Node'];
  const choices: fc.Arbitrary<string>[] = [leaf, leaf];
  if (fragments.length > 0) {
    const spread = fc.constantFrom(...fragments.map((name) => `...Of${name}`));
    choices.push(fc.tuple(spread, condition).map((parts) => parts.join(' ')));
  }
  if (depth > 0) {
    const names = Object.entries(branches[type] ?? {});
    for (let time = 0; time < 3; time += 1)
      choices.push(
        fc.constantFrom(...names).chain(([name, inner]) => field(type, name, selections(inner, depth - 1))),
      );
    for (const name of fragments)
      choices.push(
        fc
          .tuple(condition, selections(name, depth - 1))
          .map(([when, inner]) => `... on ${name} ${when} ${inner}`),
      );
  }
  return fc
    .array(fc.oneof(...choices), { minLength: 1, maxLength: 4, size: 'max' })
    .map((parts) => `{ ${parts.join(' ')} }`);
}

/** An alias tells equal fields with different arguments apart, so that most documents are valid. */
function field(type: string, name: string, inner: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const own = type !== 'Query' && name !== 'label' ? fc.constant('') : (argumentsOf[name] ?? fc.constant(''));
  return fc.tuple(own, condition, fc.boolean(), inner).map(([given, when, isAliased, selected]) => {
    const alias = given !== '' || isAliased ? `x${name}${numberOf(given)}: ` : '';
    return `${alias}${name}${given} ${when} ${selected}`;
  });
}

/** Queries and mutations of the sample schema, nearly all of them valid. */
export const operations = fc
  .tuple(
    fc.constantFrom('query', 'mutation'),
    selections('Query', 4),
    selections('Node', 1),
    selections('A', 1),
    selections('B', 1),
  )
  .map(
    ([
      kind,
      query,
      node,
      a,
      b,
    ]) => `${kind} Q($s: Boolean!, $i: Boolean = false, $n: Int!, $t: String, $id: ID = 5, $f: Filter = { sizes: [4] }) ${query}
      fragment OfNode on Node ${node.replaceAll('...Of', '...Plain')}
      fragment OfA on A ${a.replaceAll('...Of', '...Plain')} fragment OfB on B ${b.replaceAll('...Of', '...Plain')}
      fragment PlainNode on Node { id ... on A { required } } fragment PlainA on A { number } fragment PlainB on B { required }`,
  );

/** Variables for them, some of other types. */
export const variables = fc.record(
  {
    s: fc.boolean(),
    i: fc.boolean(),
    n: fc.constantFrom(3, 0, 'no number'),
    t: fc.constantFrom('t', null),
    id: fc.constantFrom('1', 2),
    f: fc.constantFrom({ name: 'n' }, { sizes: [1, 2] }, null, { sizes: null }),
  },
  { requiredKeys: ['s', 'n'] },
);
