import { type AttachmentError, fault, type Loc } from '../errors.js';

/**
 * Whether one of these may be: asked in waves, so that the first yes spares the others. A yes counts even if others cannot be
 * decided; without one this throws what they threw.
 */
export async function anyOf<Item>(
  items: readonly Item[],
  may: (item: Item) => Promise<boolean>,
): Promise<boolean> {
  const undecided: PromiseSettledResult<boolean>[] = [];
  for (let from = 0, size = 1; from < items.length; from += size, size *= 8) {
    const answers = await Promise.allSettled(items.slice(from, from + size).map(may));
    if (answers.some((answer) => answer.status === 'fulfilled' && answer.value)) return true;
    undecided.push(...answers);
  }
  throwUndecided(undecided);
  return false;
}

/** Whether all of these may be. A no counts even if others cannot be decided; without one this throws what they threw. */
export async function allOf(answers: readonly Promise<boolean>[]): Promise<boolean> {
  const settled = await Promise.allSettled(answers);
  if (settled.some((answer) => answer.status === 'fulfilled' && !answer.value)) return false;
  throwUndecided(settled);
  return true;
}

/** Throws the first that could not be decided. */
export function throwUndecided(answers: readonly PromiseSettledResult<boolean>[]): void {
  for (const answer of answers) if (answer.status === 'rejected') throw answer.reason;
}

export function tooManyQuestions(maxQuestions: number): AttachmentError {
  const message = `The operation leads to more than ${maxQuestions} different questions to the record authorizer.`;
  return fault('too_many_questions', ['query'], message, { message, limit: maxQuestions });
}

export function forbidden(loc: Loc): AttachmentError {
  const message = 'You may not change this record.';
  return fault('record_not_editable', loc, message, { message });
}

/** FORBIDDEN, for a total while an authorizer decides: it would count what it hides. */
export async function refuseTotal(): Promise<never> {
  const message = 'There is no total while a record authorizer decides what is shown.';
  throw fault('total_hidden', ['totalCount'], message, { message });
}
