import type { Viewer } from '../auth/viewer.js';
import type { Faults } from '../faults.js';
import type { MarkdownRenderer } from '../markdown/markdown-renderer.js';
import { renderingFaults } from '../markdown/rendering.js';
import { characterFault } from './check-characters.js';

export const maxDescriptionLength = 10_000;

/** A description's HTML, or why it is refused; `html` is null without a description. */
export type RenderedDescription =
  | { html: string | null }
  | { fault: { type: string; msg: string; limit?: number } };

/** Renders what a viewer gives as a description, when it is the viewer's turn. Throws RATE_LIMITED. Not for a transaction. */
export async function renderDescription(
  renderer: Pick<MarkdownRenderer, 'render'>,
  { organizationId, principal }: Viewer,
  description: string | null,
): Promise<RenderedDescription> {
  if (description === null) return { html: null };
  if (description.length > maxDescriptionLength) {
    const msg = `The description has ${description.length} characters; at most ${maxDescriptionLength} are allowed.`;
    return { fault: { type: 'too_long', msg, limit: maxDescriptionLength } };
  }
  const fault = characterFault(description);
  if (fault) return { fault };
  const rendered = await renderer.render({ organizationId, principalId: principal.id }, description);
  if ('html' in rendered) return rendered;
  const { fault: type } = rendered;
  return { fault: { type, ...renderingFaults[type] } };
}

/** The HTML. If there is none, notes that as a fault of `input.description`. */
export function checkDescription(faults: Faults, rendered: RenderedDescription): string | null {
  if ('html' in rendered) return rendered.html;
  const { type, msg, limit } = rendered.fault;
  faults.add('BAD_USER_INPUT', ['input', 'description'], type, msg, limit);
  return null;
}
