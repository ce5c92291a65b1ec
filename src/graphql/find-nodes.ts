import { createHash } from 'node:crypto';
import { readApiKeys } from '../auth/manage-api-keys.js';
import { Faults } from '../errors.js';
import { readLinkedAttachments } from '../links/read-fields.js';
import { checkName, checkRecord } from '../model/record.js';
import { readAnywhere, readAttachments } from '../model/stored-attachment.js';
import { readShareLinksOf } from '../sharing/share-links.js';
import { isSubscribed, readDeliveriesOf, readEndpoints } from '../webhooks/list-deliveries.js';
import type { GraphqlContext } from './context.js';
import { toAttachment } from './types/attachment.js';
import type { Node } from './types/connection.js';
import { toApiKey, toShareLink } from './types/credentials.js';
import { toAttachmentLink, toHostRecord, toRecordField } from './types/record.js';
import { toWebhookDelivery } from './types/webhook-delivery.js';
import { toWebhookEndpoint } from './types/webhook-endpoint.js';

type Found = Map<string, Node>;

/** As the ids of rows are spelled. */
const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * The object of each id, of whichever type, in the order of the ids; null where the viewer may not see one. Ids of one type
 * are read in one statement.
 */
export async function findNodes(context: GraphqlContext, ids: readonly string[]): Promise<(Node | null)[]> {
  const { permissions, organizationId } = context.viewer;
  const found: Found = new Map();
  const rowIds = [...new Set(ids)].filter((id) => uuid.test(id));
  if (permissions.has('attachments:read')) {
    await findAttachments(context, rowIds, found);
    await findDeliveries(context, without(rowIds, found), found);
    await findShareLinks(context, without(rowIds, found), found);
    const keyed = [...new Set(ids)].flatMap((id) => {
      const key = uuid.test(id) ? null : readNodeId(organizationId, id);
      return key ? [{ id, ...key }] : [];
    });
    for (const { id, ...key } of keyed) {
      const named = toNamed(key);
      if (named) found.set(id, named);
    }
    await findLinks(
      context,
      keyed.filter(({ type }) => type === 'AttachmentLink'),
      found,
    );
  }
  if (permissions.has('attachments:admin')) await findEndpoints(context, without(rowIds, found), found);
  if (permissions.has('keys:admin')) await findKeys(context, without(rowIds, found), found);
  return ids.map((id) => found.get(id) ?? null);
}

const without = (ids: readonly string[], found: Found) => ids.filter((id) => !found.has(id));

async function findAttachments(
  { reader, viewer, access }: GraphqlContext,
  ids: readonly string[],
  found: Found,
): Promise<void> {
  const visible = await access.visible(await readAnywhere(reader, viewer, ids));
  for (const stored of visible) found.set(stored.attachment.id, toAttachment(stored));
}

/** A subscription's delivery is seen by whoever sees its attachment. */
async function findDeliveries(
  { reader, viewer, access }: GraphqlContext,
  ids: readonly string[],
  found: Found,
): Promise<void> {
  const deliveries = (await readDeliveriesOf(reader, viewer, ids)).filter(isSubscribed);
  const attachmentIds = deliveries.map(({ attachmentId }) => attachmentId);
  const visible = await access.visible(await readAttachments(reader, viewer, attachmentIds));
  const visibleIds = new Set([...visible].map(({ attachment }) => attachment.id));
  for (const delivery of deliveries)
    if (visibleIds.has(delivery.attachmentId)) found.set(delivery.id, toWebhookDelivery(delivery));
}

/** A share link is seen by whoever sees its attachment. */
async function findShareLinks(
  { reader, viewer, access }: GraphqlContext,
  ids: readonly string[],
  found: Found,
): Promise<void> {
  const links = await readShareLinksOf(reader, viewer, ids);
  const attachmentIds = links.map(({ attachmentId }) => attachmentId);
  const visible = await access.visible(await readAttachments(reader, viewer, attachmentIds));
  const byId = new Map([...visible].map((stored) => [stored.attachment.id, stored]));
  for (const link of links) {
    const stored = byId.get(link.attachmentId);
    if (stored) found.set(link.id, toShareLink({ link, stored }));
  }
}

/** Endpoints and their deliveries are seen by administrators, whoever sees the attachments. */
async function findEndpoints(
  { reader, viewer }: GraphqlContext,
  ids: readonly string[],
  found: Found,
): Promise<void> {
  for (const row of await readEndpoints(reader, viewer, ids)) found.set(row.id, toWebhookEndpoint(row));
  for (const row of await readDeliveriesOf(reader, viewer, without(ids, found)))
    if (!isSubscribed(row)) found.set(row.id, toWebhookDelivery(row));
}

async function findKeys(
  { reader, viewer }: GraphqlContext,
  ids: readonly string[],
  found: Found,
): Promise<void> {
  for (const row of await readApiKeys(reader, viewer.organizationId, ids)) found.set(row.id, toApiKey(row));
}

/** A record, or a field of one, needs no row. Null for names that cannot be, and for links. */
function toNamed({ type, key: [recordType = '', recordId = '', name = ''] }: NodeKey): Node | null {
  if (type === 'AttachmentLink') return null;
  const record = { type: recordType, id: recordId };
  const faults = new Faults();
  checkRecord(faults, record, []);
  if (type === 'RecordField') checkName(faults, name, []);
  if (faults.details.length > 0) return null;
  return type === 'HostRecord' ? toHostRecord(record) : toRecordField(record, name);
}

async function findLinks(
  { reader, viewer, access }: GraphqlContext,
  keyed: readonly { id: string; key: readonly string[] }[],
  found: Found,
): Promise<void> {
  const ids = new Map(keyed.map(({ id, key }) => [key.join(), id]));
  const linked = await readLinkedAttachments(
    reader,
    viewer,
    keyed.map(({ key }) => key),
  );
  await Promise.all(
    linked.map(async ({ link, field, attachment, blob }) => {
      const id = ids.get([link.fieldId, link.attachmentId].join());
      const record = { type: field.recordType, id: field.recordId };
      if (id !== undefined && (await access.mayView(record, field.name)))
        found.set(id, toAttachmentLink(link, field, { attachment, blob }));
    }),
  );
}

/** Types whose objects have no id of their own: they are known by a key of one or more texts. */
const keyLengths = { HostRecord: 2, RecordField: 3, AttachmentLink: 2 } as const;

type Keyed = keyof typeof keyLengths;

/** A type, and the key of an object of it. */
export interface NodeKey {
  type: Keyed;
  /** HostRecord: type and id of the record. RecordField: the same and the name. AttachmentLink: ids of field and attachment. */
  key: readonly string[];
}

/** No key has it: names and ids with it are refused. */
const separator = '\0';
const sealBytes = 6;

/**
 * The global id of an object that is known by its key: opaque, the only spelling, and of one organization. Its seal is a
 * checksum and no secret: whoever forges one reaches what the key itself leads to.
 */
export function toNodeId(organizationId: string, { type, key }: NodeKey): string {
  const text = [type, ...key].join(separator);
  const seal = createHash('sha256').update(`${organizationId}${separator}${text}`).digest();
  return Buffer.concat([seal.subarray(0, sealBytes), Buffer.from(text)]).toString('base64url');
}

/** One can hold three names of 255 characters, each of up to three bytes, in base64. */
const maxLength = 4_096;

/** Null for every text that `toNodeId` does not make for this organization. */
export function readNodeId(organizationId: string, id: string): NodeKey | null {
  if (id.length > maxLength) return null;
  const [type = '', ...key] = Buffer.from(id, 'base64url').subarray(sealBytes).toString().split(separator);
  if (!isKeyed(type) || key.length !== keyLengths[type]) return null;
  return toNodeId(organizationId, { type, key }) === id ? { type, key } : null;
}

const isKeyed = (type: string): type is Keyed => Object.hasOwn(keyLengths, type);
