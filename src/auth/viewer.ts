import { AttachmentError, fault } from '../errors.js';

export const permissions = [
  'attachments:read',
  'attachments:write',
  'attachments:admin',
  'keys:admin',
] as const;

export type Permission = (typeof permissions)[number];

/** A user or a service account, as the service knows it. Ids are unique within an organization. */
export interface Principal {
  id: string;
  kind: 'USER' | 'SERVICE';
  name: string | null;
}

/** Who asks, for which organization, and what the credential permits. */
export interface Viewer {
  principal: Principal;
  organizationId: string;
  permissions: ReadonlySet<Permission>;
  /** The API key that speaks; null for a JSON Web Token. */
  keyId: string | null;
}

/** Those of `names` that are permissions. */
export function toPermissions(names: readonly unknown[]): ReadonlySet<Permission> {
  return new Set(permissions.filter((permission) => names.includes(permission)));
}

/** Any one of these permissions lets a viewer in; where none is named, any good credential does. */
export type Need = readonly Permission[];

const credential: Need = [];
const read: Need = ['attachments:read'];
const write: Need = ['attachments:write'];
const admin: Need = ['attachments:admin'];
const keys: Need = ['keys:admin'];

/**
 * The permission that each operation needs, by root type and field; null if it asks for no credential. The schema is not built
 * while one of them is missing here.
 */
export const operationNeeds: Readonly<Record<string, Readonly<Record<string, Need | null>>>> = {
  Query: {
    viewer: credential,
    errorCodes: credential,
    node: ['attachments:read', 'attachments:admin', 'keys:admin'],
    nodes: ['attachments:read', 'attachments:admin', 'keys:admin'],
    attachment: read,
    attachments: read,
    record: read,
    records: read,
    uploadPolicy: read,
    uploadTarget: write,
    uploadParts: write,
    /** Those of all attachments together, and of endpoints, need administration. */
    webhookDeliveries: ['attachments:read', 'attachments:admin'],
    webhookEndpoints: admin,
    auditLog: admin,
    apiKeys: keys,
    _entities: read,
    /** It tells no more than introspection, and asks for a credential where that is switched off. */
    _service: null,
  },
  Mutation: {
    createAttachment: write,
    createUploadTarget: write,
    signUploadParts: write,
    completeUploadTarget: write,
    abortUploadTarget: write,
    claimAttachment: write,
    linkAttachments: write,
    updateAttachment: write,
    copyAttachment: write,
    copyRecordAttachments: write,
    transferAttachment: write,
    deleteAttachment: write,
    deleteRecordAttachments: write,
    restoreAttachment: write,
    replaceContent: write,
    rescanAttachment: write,
    redeliverWebhook: write,
    createShareLink: write,
    revokeShareLink: write,
    releaseAttachment: admin,
    createWebhookEndpoint: admin,
    updateWebhookEndpoint: admin,
    rotateWebhookEndpointSecret: admin,
    enableWebhookEndpoint: admin,
    deleteWebhookEndpoint: admin,
    testWebhookEndpoint: admin,
    createApiKey: keys,
    revokeApiKey: keys,
  },
  Subscription: {
    attachmentChanged: read,
  },
};

/** The permission that each route needs; null if the route asks for no credential of its own. No other route can be added. */
export const routeNeeds = {
  /** Each operation has its own need; content in the body has `contentNeed`. */
  'POST /graphql': null,
  'GET /graphql': null,
  /** Pages and their files, which hold nothing of anybody. */
  'GET /': null,
  'GET /console/:name': null,
  'GET /explorer': null,
  'GET /explorer/:name': null,
  /** The stream itself needs `subscriptionNeed`, and each operation its own. */
  'GET /graphql/stream': null,
  'POST /graphql/stream': null,
  'PUT /graphql/stream': null,
  'DELETE /graphql/stream': null,
  /** Unless the query is signed: then the signature is the credential. */
  'GET /attachments/:id': read,
  'GET /attachments/:id/*': read,
  /** The signature is the credential. */
  'GET /previews/:id/:name': null,
  'GET /records/archive': null,
  /** The token is the credential. */
  'GET /s/:token': null,
  'PUT /uploads/*': null,
  'POST /uploads': write,
  /** The upload's own credential, or its URL: the row knows. POST stands for the method that a header names. */
  'PATCH /uploads/*': null,
  'DELETE /uploads/*': null,
  'POST /uploads/*': null,
  /** The public keys of receipts. */
  'GET /.well-known/jwks.json': null,
  'GET /health/live': null,
  'GET /health/ready': null,
  /** Figures of the service as a whole, never of a tenant. */
  'GET /metrics': null,
} as const satisfies Record<string, Need | null>;

/** The permission that a connection for subscriptions needs, whichever subscription follows. */
export const subscriptionNeed = read;

/** The permission that a request needs before a byte of content in its body is taken in, whichever operation it is for. */
export const contentNeed = write;

/** Throws where the table has no such operation: what is not listed cannot be served. */
export function needOfOperation(type: string, field: string): Need | null {
  const need = operationNeeds[type]?.[field];
  if (need === undefined) throw new Error(`${type}.${field} is not in the table of permissions.`);
  return need;
}

/** Throws where the table has no such route. */
export function assertListedRoute(method: string, url: string): void {
  const route = `${method} ${url}`;
  if (!Object.hasOwn(routeNeeds, route)) throw new Error(`${route} is not in the table of permissions.`);
}

/** Returns the viewer. Throws UNAUTHENTICATED where there is none, FORBIDDEN, naming what is missing, where it lacks the need. */
export function assertPermitted(viewer: Viewer | null, need: Need): Viewer {
  if (!viewer) throw new AttachmentError('UNAUTHENTICATED');
  if (isPermitted(viewer, need)) return viewer;
  const missing = need.join(' or ');
  const message = `The credential lacks the permission ${missing}.`;
  throw fault('missing_permission', [], `Needs ${missing}.`, { message });
}

export function isPermitted({ permissions }: Viewer, need: Need): boolean {
  return need.length === 0 || need.some((permission) => permissions.has(permission));
}
