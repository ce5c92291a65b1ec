import {
  type GraphQLArgument,
  type GraphQLField,
  GraphQLID,
  type GraphQLInputField,
  type GraphQLInputType,
  type GraphQLSchema,
  GraphQLString,
  getNamedType,
  getNullableType,
  isInputObjectType,
  isListType,
  isObjectType,
} from 'graphql';
import { maxAttributesBytes } from '../attachments/check-creation.js';
import { maxDescriptionLength } from '../attachments/descriptions.js';
import { maxPermissions } from '../auth/manage-api-keys.js';
import { maxFileNameLength } from '../content-types/file-names.js';
import { maxLinks } from '../links/change-links.js';
import { maxReasonLength } from '../verdicts/reconsider.js';
import { maxUriLength, maxWebhooks } from '../webhooks/check-webhooks.js';

/** How much one input may hold. */
export interface InputBound {
  /** Items of a list. */
  items: number;
  /** The bound of a text, or of each text in a list. Null: the limits of files, or of the request, hold. */
  size: number | null;
  unit: 'characters' | 'bytes of JSON';
  /** The verb itself refuses what is too much, together with all other faults of its input. */
  isCheckedByVerb: boolean;
  /** The code of more items. */
  tooMany: 'BAD_USER_INPUT' | 'TOO_MANY_ATTACHMENTS';
}

const usual: InputBound = {
  items: 100,
  size: 255,
  unit: 'characters',
  isCheckedByVerb: false,
  tooMany: 'BAD_USER_INPUT',
};
const byVerb = { isCheckedByVerb: true };
const fileName = { size: maxFileNameLength, ...byVerb };
const description = { size: maxDescriptionLength, ...byVerb };
const content = { size: null };
/** Whatever is no id is null. */
const nodeId = { size: null };

/** The bound of every argument `after` or `before`: a cursor can hold a file name. */
const cursor = { size: 2_048 };

/**
 * The bounds that are not the usual one, by the place in the schema: `Type.field` of an input type, `Type.field.argument`
 * otherwise. With the usual one and that of cursors they bound every list and every text that a client can send.
 */
const bounds: Readonly<Record<string, Partial<InputBound>>> = {
  'AttachmentContentInput.base64': content,
  'AttachmentContentInput.dataUrl': content,
  'AttachmentContentInput.documentKey': { size: 1_024 },
  'AttachmentMetadataInput.attributes': { size: maxAttributesBytes, unit: 'bytes of JSON', ...byVerb },
  'AttachmentMetadataInput.type': byVerb,
  'CopyAttachmentInput.fileName': fileName,
  'CopyAttachmentInput.idempotencyKey': byVerb,
  'CopyRecordAttachmentsInput.idempotencyKey': byVerb,
  'CreateApiKeyInput.name': byVerb,
  'CreateApiKeyInput.permissions': { items: maxPermissions, ...byVerb },
  'CreateAttachmentInput.contentType': { size: 1_024 },
  'CreateAttachmentInput.description': description,
  'CreateAttachmentInput.field': byVerb,
  'CreateAttachmentInput.fileName': fileName,
  'CreateAttachmentInput.idempotencyKey': byVerb,
  'CreateAttachmentInput.recordType': byVerb,
  'CreateAttachmentInput.webhooks': { items: maxWebhooks, ...byVerb },
  'CreateUploadTargetInput.contentType': { size: 1_024 },
  'CreateUploadTargetInput.fileName': fileName,
  'CreateWebhookEndpointInput.description': byVerb,
  'CreateWebhookEndpointInput.uri': { size: maxUriLength, ...byVerb },
  'LinkAttachmentsInput.attachmentIds': { items: maxLinks, tooMany: 'TOO_MANY_ATTACHMENTS' },
  'LinkAttachmentsInput.field': byVerb,
  'Query.node.id': nodeId,
  'Query.nodes.ids': nodeId,
  'Query.record.id': byVerb,
  'Query.record.type': byVerb,
  'RecordInput.id': byVerb,
  'RecordInput.type': byVerb,
  'ReleaseAttachmentInput.reason': { size: maxReasonLength, ...byVerb },
  'TransferAttachmentInput.field': byVerb,
  'ReplaceContentInput.contentType': { size: 1_024 },
  'ReplaceContentInput.fileName': fileName,
  'ReplaceContentInput.idempotencyKey': byVerb,
  'UpdateAttachmentInput.description': description,
  'UpdateAttachmentInput.fileName': fileName,
  'UpdateWebhookEndpointInput.description': byVerb,
  'UpdateWebhookEndpointInput.uri': { size: maxUriLength, ...byVerb },
  'WebhookSubscriptionInput.uri': { size: maxUriLength, ...byVerb },
};

const known = new Map<string, InputBound>();

/** The bound of the input at this place of the schema. */
export function boundOf(place: string): InputBound {
  const before = known.get(place);
  if (before) return before;
  const bound = {
    ...usual,
    ...(/\.(after|before)$/.test(place) && !/^\w+Filter\./.test(place) ? cursor : {}),
    ...bounds[place],
  };
  known.set(place, bound);
  return bound;
}

/** Has the descriptions of all inputs tell their bounds. Throws if there is a bound of what is no input. */
export function describeBounds(schema: GraphQLSchema): void {
  const stale = new Set(Object.keys(bounds));
  for (const type of Object.values(schema.getTypeMap())) {
    if (type.name.startsWith('__') || !(isInputObjectType(type) || isObjectType(type))) continue;
    for (const field of Object.values<GraphQLInputField | GraphQLField<unknown, unknown>>(type.getFields())) {
      const inputs = 'args' in field ? field.args : [field];
      for (const input of inputs) {
        const place =
          'args' in field ? `${type.name}.${field.name}.${input.name}` : `${type.name}.${input.name}`;
        describeBound(input, place);
        stale.delete(place);
      }
    }
  }
  if (stale.size > 0) throw new Error(`These bounds are of no input: ${[...stale].join(', ')}.`);
}

const count = (number: number) => number.toLocaleString('en');
export const isText = (type: GraphQLInputType) => type === GraphQLString || type === GraphQLID;

function describeBound(input: GraphQLInputField | GraphQLArgument, place: string): void {
  const { items, size, unit } = boundOf(place);
  const type = getNullableType(input.type);
  const hasSize = size !== null && (isText(getNamedType(type)) || bounds[place]?.size !== undefined);
  const parts = [
    isListType(type) ? [`${count(items)} items`] : [],
    hasSize ? [`${count(size)} ${unit}`] : [],
  ].flat();
  if (parts.length === 0) return;
  const bound = `At most ${parts.join(' of ')}.`;
  input.description = input.description ? `${input.description} ${bound}` : bound;
}
