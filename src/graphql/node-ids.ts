import { createHash } from 'node:crypto';

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
