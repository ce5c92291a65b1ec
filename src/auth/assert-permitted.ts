import { AttachmentError } from '../errors.js';
import type { Permission, Viewer } from './viewer.js';

/** Returns the viewer. Throws UNAUTHENTICATED where there is none, FORBIDDEN, naming the permission, where it lacks one. */
export function assertPermitted(viewer: Viewer | null, permission: Permission): Viewer {
  if (!viewer) throw new AttachmentError('UNAUTHENTICATED');
  if (viewer.permissions.has(permission)) return viewer;
  throw new AttachmentError('FORBIDDEN', {
    message: `The credential lacks the permission ${permission}.`,
    details: [{ loc: [], msg: `Needs ${permission}.`, type: 'missing_permission' }],
  });
}
