import { type GraphQLError, type GraphQLResolveInfo, locatedError } from 'graphql';
import type { PlannedField, PlannedType } from './plan.js';

export type Path = GraphQLResolveInfo['path'];

/** The place of a value in the answer, and the type that says whether it may be null there. */
export interface Place {
  field: PlannedField;
  type: PlannedType;
  path: Path;
}

/** Errors of fields. Those below a value that has become null already are told no more. */
export class FieldErrors {
  readonly list: GraphQLError[] = [];
  readonly #nulled = new Set<Path | undefined>();

  /** Null, for a value that may be null; throws the error, with its place, for any other. */
  tell(error: unknown, { field, type, path }: Place): null {
    const located = locatedError(error, field.nodes, keysOf(path));
    if (type.isRequired) throw located;
    this.add(located, path);
    return null;
  }

  /** Without a path, for the answer as a whole. */
  add(error: GraphQLError, path: Path | undefined): void {
    for (let above = path; above; above = above.prev) if (this.#nulled.has(above)) return;
    if (this.#nulled.has(undefined)) return;
    this.#nulled.add(path);
    this.list.push(error);
  }
}

function keysOf(path: Path): (string | number)[] {
  const keys: (string | number)[] = [];
  for (let at: Path | undefined = path; at; at = at.prev) keys.push(at.key);
  return keys.reverse();
}

/** Throws `error`; if some of the others are pending, once they are settled, since they may fail, too. */
export function throwAfter(others: readonly unknown[], error: unknown): Promise<never> {
  const pending = others.filter(isPromise);
  if (pending.length === 0) throw error;
  return Promise.all(pending).finally(() => {
    throw error;
  }) as Promise<never>;
}

export function isPromise(value: unknown): value is Promise<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
