import { AttachmentError } from '../errors.js';
import type { Need } from './permission-table.js';
import type { Viewer } from './viewer.js';

/** Returns the viewer. Throws UNAUTHENTICATED where there is none, FORBIDDEN, naming what is missing, where it lacks the need. */
export function assertPermitted(viewer: Viewer | null, need: Need): Viewer {
  if (!viewer) throw new AttachmentError('UNAUTHENTICATED');
  if (need.length === 0 || need.some((permission) => viewer.permissions.has(permission))) return viewer;
  const missing = need.join(' or ');
  throw new AttachmentError('FORBIDDEN', {
    message: `The credential lacks the permission ${missing}.`,
    details: [{ loc: [], msg: `Needs ${missing}.`, type: 'missing_permission' }],
  });
}
