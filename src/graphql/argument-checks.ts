import {
  type GraphQLArgument,
  GraphQLID,
  type GraphQLInputType,
  getNullableType,
  isInputObjectType,
  isListType,
} from 'graphql';
import { checkExpiresIn } from '../auth/attachment-urls.js';
import { checkPage, type PageArguments } from '../database/page.js';
import { checkCharacters, type Faults } from '../errors.js';
import { checkName } from '../model/record.js';
import { type PreviewSize, previewSizes } from '../previews/preview.js';
import { boundOf, isText } from './input-bounds.js';
import { isForeignId } from './input-ids.js';

type Arguments = Readonly<Record<string, unknown>>;
type Loc = readonly (string | number)[];

/** A field with arguments. */
export interface Asked {
  typeName: string;
  field: { readonly name: string; readonly args: readonly GraphQLArgument[] };
  /** The names that lead to it from the root field; empty for that itself. */
  loc: Loc;
}

/** Notes every list and text that holds more than its bound and, of fields below the root, all else that is wrong with an argument. */
export function checkArguments(faults: Faults, { typeName, field, loc }: Asked, args: Arguments): void {
  for (const { name, type } of field.args) {
    if (mayHoldMuch(type))
      checkValue(
        faults,
        { type, place: `${typeName}.${field.name}.${name}`, loc: [...loc, name] },
        args[name],
      );
  }
  checks.get(`${typeName}.${field.name}`)?.(faults, args, loc);
}

/** Whether there is anything to check. */
export const isChecked = ({ typeName, field }: Asked): boolean =>
  checks.has(`${typeName}.${field.name}`) || field.args.some(({ type }) => mayHoldMuch(type));

type Check = (faults: Faults, args: Arguments, loc: Loc) => void;

const page: Check = (faults, args, loc) => checkPage(faults, args as PageArguments, loc);

const expiresIn: Check = (faults, args, loc) =>
  checkExpiresIn(faults, Number(args['expiresIn']), [...loc, 'expiresIn']);

const previewSize: Check = (faults, { size }, loc) => {
  if (previewSizes.includes(size as PreviewSize)) return;
  const msg = `size must be one of ${previewSizes.join(', ')}.`;
  faults.add('out_of_range', [...loc, 'size'], msg, { limit: Math.max(...previewSizes) });
};

const nameIn =
  (argument: string): Check =>
  (faults, { [argument]: name }, loc) => {
    if (typeof name === 'string') checkName(faults, name, [...loc, argument]);
  };

const all =
  (...some: readonly Check[]): Check =>
  (...given) => {
    for (const check of some) check(...given);
  };

/** The checks of fields below the root, whose arguments are checked before a mutation that selects them begins. */
const checks: ReadonlyMap<string, Check> = new Map([
  ['Attachment.downloadUrl', expiresIn],
  ['Attachment.links', page],
  ['Attachment.preview', all(expiresIn, previewSize)],
  ['Attachment.shareLinks', page],
  ['Attachment.versions', page],
  ['AttachmentVersion.downloadUrl', expiresIn],
  ['HostRecord.archiveUrl', all(expiresIn, nameIn('field'))],
  ['HostRecord.attachments', page],
  ['HostRecord.field', nameIn('name')],
]);

function mayHoldMuch(type: GraphQLInputType): boolean {
  const inner = getNullableType(type);
  return isListType(inner) || isInputObjectType(inner) || isText(inner);
}

/** Members that verbs check together with other faults are refused at once from this many times the bound. */
const verbSlack = 10;

interface Place {
  type: GraphQLInputType;
  place: string;
  loc: (string | number)[];
}

function checkValue(faults: Faults, { type: given, place, loc }: Place, value: unknown): void {
  if (value === null || value === undefined) return;
  const type = getNullableType(given);
  const { items, size, isCheckedByVerb, tooMany: code } = boundOf(place);
  const allowed = isCheckedByVerb ? verbSlack : 1;
  if (isListType(type) && Array.isArray(value)) {
    if (value.length > items * allowed)
      faults.add('too_many', loc, `At most ${items} are allowed.`, { code, limit: items });
    else {
      for (const [index, item] of value.entries())
        checkValue(faults, { type: type.ofType, place, loc: [...loc, index] }, item);
    }
  } else if (isInputObjectType(type) && typeof value === 'object') {
    for (const { name, type: inner } of Object.values(type.getFields())) {
      const member: unknown = Reflect.get(value, name);
      if (member === null || member === undefined) continue;
      checkValue(faults, { type: inner, place: `${type.name}.${name}`, loc: [...loc, name] }, member);
    }
  } else if (isText(type) && typeof value === 'string' && size !== null) {
    if (value.length > size * allowed)
      faults.add('too_long', loc, `Must have at most ${size} characters.`, { limit: size });
    else if (!isCheckedByVerb && (type !== GraphQLID || isForeignId(place)))
      checkCharacters(faults, value, [...loc]);
  }
}
