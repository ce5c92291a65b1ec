import {
  defaultFieldResolver,
  type FieldNode,
  type GraphQLField,
  type GraphQLFieldResolver,
  type GraphQLNamedType,
  type GraphQLObjectType,
  type GraphQLResolveInfo,
  type GraphQLSchema,
  getArgumentValues,
  getNamedType,
  isInterfaceType,
  isObjectType,
  Kind,
  type SelectionSetNode,
} from 'graphql';
import { assertPermitted, needOfOperation } from '../auth/viewer.js';
import { AttachmentError, Faults } from '../errors.js';
import { checkArguments, isChecked } from './argument-checks.js';
import type { GraphqlContext } from './context.js';
import { isIncluded } from './execution/plan.js';
import { findLongTexts, textTooLong } from './long-texts.js';

type AnyField = GraphQLField<unknown, GraphqlContext>;
type Resolve = GraphQLFieldResolver<unknown, GraphqlContext>;

/**
 * Has every field refuse arguments that cannot be, with BAD_USER_INPUT or TOO_MANY_ATTACHMENTS that names each of them, before it does
 * anything. A change or a subscription refuses those of all fields that are selected below it as well: nothing is changed for an
 * answer that cannot be given.
 */
export function guardArguments(schema: GraphQLSchema): void {
  const acting = [schema.getMutationType(), schema.getSubscriptionType()];
  for (const type of Object.values(schema.getTypeMap())) {
    if (type.name.startsWith('__') || !isObjectType(type)) continue;
    for (const field of Object.values(type.getFields()))
      guardFieldArguments(field, type.name, acting.includes(type));
  }
}

function guardFieldArguments(field: AnyField, typeName: string, isActing: boolean): void {
  const asked = { typeName, field, loc: [] };
  if (!isActing && !isChecked(asked)) return;
  const guard =
    (inner: Resolve): Resolve =>
    (source, args, context, info) => {
      const faults = new Faults();
      checkArguments(faults, asked, args);
      if (isActing) checkBelow(faults, info);
      faults.throwIfAny();
      return inner(source, args, context, info);
    };
  if (field.subscribe) field.subscribe = guard(field.subscribe);
  else field.resolve = guard(field.resolve ?? defaultFieldResolver);
}

/** The fields that are selected in one place of an answer, by type and name. */
type Selected = Map<string, SelectedField>;

interface SelectedField {
  typeName: string;
  field: GraphQLField<unknown, unknown>;
  /** Its name in the answer. */
  name: string;
  /** Selections of it, whose subselections are taken together. */
  nodes: FieldNode[];
}

/** Notes the faults of arguments of all fields that are selected below these. */
function checkBelow(
  faults: Faults,
  info: GraphQLResolveInfo,
  nodes: readonly FieldNode[] = info.fieldNodes,
  type = getNamedType(info.returnType),
  loc: readonly string[] = [],
): void {
  const selected: Selected = new Map();
  const spread = new Set<string>();
  for (const { selectionSet } of nodes) if (selectionSet) select(info, selectionSet, type, selected, spread);
  for (const { typeName, field, name, nodes: same } of selected.values()) {
    const at = [...loc, name];
    const [node] = same;
    if (node && field.args.length > 0)
      checkArguments(
        faults,
        { typeName, field, loc: at },
        getArgumentValues(field, node, info.variableValues),
      );
    checkBelow(faults, info, same, getNamedType(field.type), at);
  }
}

/** As validation does, this takes a fragment once for each place: otherwise, a few could be spread a million times. */
function select(
  info: GraphQLResolveInfo,
  { selections }: SelectionSetNode,
  type: GraphQLNamedType,
  selected: Selected,
  spread: Set<string>,
): void {
  for (const selection of selections) {
    if (!isIncluded(selection, info.variableValues)) continue;
    if (selection.kind === Kind.FIELD) {
      selectField(selection, type, selected);
      continue;
    }
    if (selection.kind === Kind.FRAGMENT_SPREAD) {
      if (spread.has(selection.name.value)) continue;
      spread.add(selection.name.value);
    }
    const fragment =
      selection.kind === Kind.INLINE_FRAGMENT ? selection : info.fragments[selection.name.value];
    if (!fragment) continue;
    const named = fragment.typeCondition && info.schema.getType(fragment.typeCondition.name.value);
    select(info, fragment.selectionSet, named ?? type, selected, spread);
  }
}

function selectField(node: FieldNode, type: GraphQLNamedType, selected: Selected): void {
  const field = isObjectType(type) || isInterfaceType(type) ? type.getFields()[node.name.value] : undefined;
  if (!field) return;
  const name = (node.alias ?? node.name).value;
  const key = `${type.name} ${name}`;
  const before = selected.get(key);
  if (before) before.nodes.push(node);
  else selected.set(key, { typeName: type.name, field, name, nodes: [node] });
}

/** Puts the table of permissions in front of every operation. Throws where the table lacks one. */
export function guardRootFields(schema: GraphQLSchema): void {
  for (const type of [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()]) {
    if (type) for (const field of Object.values(type.getFields())) guardField(type, field);
  }
}

function guardField(type: GraphQLObjectType, field: AnyField): void {
  const need = needOfOperation(type.name, field.name);
  const guard =
    (inner: Resolve): Resolve =>
    (source, args, context, info) => {
      if (need && need !== context.metNeed) assertPermitted(context.viewer, need);
      assertNoStrayText(args, field.name);
      if (type.name !== 'Mutation') return inner(source, args, context, info);
      return beginChange(context).then(() => inner(source, args, context, info));
    };
  if (field.subscribe) field.subscribe = guard(field.subscribe);
  field.resolve = guard(field.resolve ?? defaultFieldResolver);
}

/**
 * Fields of one document can take minutes, if they wait for verdicts. A key that has been revoked or has expired meanwhile changes
 * nothing more, and the record authorizer is asked anew for each. Throws UNAUTHENTICATED.
 */
async function beginChange({ access, deps, viewer: { keyId } }: GraphqlContext): Promise<void> {
  access.forget();
  if (keyId !== null && !(await deps.keys.isKeyGood(keyId))) throw new AttachmentError('UNAUTHENTICATED');
}

/** A long text is content of a file and nothing else. */
function assertNoStrayText(args: unknown, fieldName: string): void {
  for (const path of findLongTexts(args)) {
    if (contentFields.has(fieldName) && contentPaths.has(path.join('.'))) continue;
    throw textTooLong(path);
  }
}

const contentFields = new Set(['createAttachment', 'replaceContent']);

const contentPaths = new Set(['input.content.base64', 'input.content.dataUrl']);
