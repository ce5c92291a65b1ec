/*
 * Changes of the service's bundle, by `bundle.js`, so that V8 runs it well. None changes what the code means, and the source map
 * stays right.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { decode, encode } from '@jridgewell/sourcemap-codec';
import { parse } from 'acorn';

/** The function that gives a class its name, for the head of the bundle. */
export const classNames =
  "const __Name = (target, value) => Object.defineProperty(target, 'name', { value, configurable: true });";

/** Writes the bundle and its map anew. */
export function writeForV8(bundle) {
  const source = nameClassesOnly(readFileSync(bundle, 'latin1'));
  const places = literalsThatBeginWithSpread(source);
  writeFileSync(bundle, insertAt(source, places), 'latin1');
  const map = JSON.parse(readFileSync(`${bundle}.map`, 'utf8'));
  map.mappings = encode(shift(decode(map.mappings), linesOf(source, places)));
  writeFileSync(`${bundle}.map`, JSON.stringify(map));
}

/**
 * Has classes alone keep their names, which entities, migrations and types of the schema are called by. The bundler gives each
 * function its name whenever that is made, which was a fifth of a get. No text becomes longer or shorter.
 */
function nameClassesOnly(source) {
  const naming = '__name=(target,value)=>__defProp(target,"name",{value,configurable:!0});';
  const ofClass = 'static{__name(this,';
  if (![naming, ofClass].every((text) => source.includes(text)))
    throw new Error('The bundler gives names in another way.');
  return source
    .replace(naming, '__name=target=>target;'.padEnd(naming.length))
    .replaceAll(ofClass, 'static{__Name(this,');
}

/**
 * Spreads nothing, ahead of what is spread. In Node 20 a literal such as `{ ...one, two }` makes a shape of its own whenever it is
 * evaluated: that takes half a microsecond for each property, makes all that reads the object slower, and is kept until V8
 * collects what is old. Behind another spread it has the shape of those before it, as it has in later versions of Node.
 */
const nothing = '...null,';

/** Offsets of the first members of such literals, in order. */
function literalsThatBeginWithSpread(source) {
  const places = [];
  const nodes = [parse(source, { ecmaVersion: 'latest' })];
  for (let node = nodes.pop(); node; node = nodes.pop()) {
    const [first] = node.type === 'ObjectExpression' && node.properties.length > 1 ? node.properties : [];
    if (first?.type === 'SpreadElement') places.push(first.start);
    for (const below of Object.values(node).flat()) if (typeof below?.type === 'string') nodes.push(below);
  }
  if (places.length === 0) throw new Error('The bundle has no literal that begins with a spread.');
  return places.sort((one, other) => one - other);
}

function insertAt(source, places) {
  const parts = places.map((place, index) => source.slice(places[index - 1] ?? 0, place));
  return [...parts, source.slice(places.at(-1))].join(nothing);
}

/** The columns of the places, by line. */
function linesOf(source, places) {
  const columns = new Map();
  let line = 0;
  let start = 0;
  for (const place of places) {
    for (
      let end = source.indexOf('\n', start);
      end !== -1 && end < place;
      end = source.indexOf('\n', start)
    ) {
      line += 1;
      start = end + 1;
    }
    columns.set(line, [...(columns.get(line) ?? []), place - start]);
  }
  return columns;
}

/** Moves what lies behind the places of its line. Segments and places are in order. */
function shift(lines, columnsByLine) {
  return lines.map((segments, line) => {
    const columns = columnsByLine.get(line) ?? [];
    let passed = 0;
    return segments.map(([column, ...rest]) => {
      while (passed < columns.length && columns[passed] < column) passed += 1;
      return [column + passed * nothing.length, ...rest];
    });
  });
}
