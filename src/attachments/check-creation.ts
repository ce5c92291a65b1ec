import type { Viewer } from '../auth/viewer.js';
import {
  agreeContentType,
  type ContentTypeClaims,
  invalidMediaType,
  readDeclared,
} from '../content-types/agree-content-type.js';
import { chooseFileName } from '../content-types/file-names.js';
import { isSameType, parseMediaType } from '../content-types/media-types.js';
import { Faults, type Loc } from '../errors.js';
import type { Intake } from '../intake/intake.js';
import { checkDigest, type Digest } from '../intake/running-digests.js';
import type { MarkdownRenderer } from '../markdown/markdown-renderer.js';
import { checkName, checkRecord, type RecordRef } from '../model/record.js';
import {
  checkDeclared,
  checkNameAlone,
  checkSize,
  checkType,
  type Policy,
} from '../policies/check-policy.js';
import { choosePolicies } from '../policies/choose-policy.js';
import type { PolicyBook } from '../policies/load-policies.js';
import type { VerdictWebhooks, WebhookSubscription } from '../verdicts/record-verdict.js';
import { checkDescription, type Described, renderDescription } from './descriptions.js';
import { checkIdempotencyKey } from './idempotency.js';

/** A client's statements about the bytes of a new attachment. */
export interface CreationInput extends Described {
  fileName: string | null;
  /** Must agree with the bytes and the name. */
  contentType: string | null;
  metadata: Metadata | null;
  /** Claims it for this record at once. */
  record: RecordRef | null;
  /** Without `record`, for one that does not exist yet: with `field` it chooses the policy. */
  recordType: string | null;
  /** With `record`: appends it to this field at once. */
  field: string | null;
  /** Name of the policy to check against, instead of the record's and field's. */
  policy: string | null;
  digest: Digest | null;
  idempotencyKey: string | null;
  webhooks: readonly WebhookSubscription[];
}

/** The result for an input without a fault. */
export interface Examined {
  fileName: string;
  contentType: string;
  descriptionHtml: string | null;
  /** The policy of the record's field; null without a field. */
  fieldPolicy: Policy | null;
}

export interface CheckCreationDependencies {
  renderer: Pick<MarkdownRenderer, 'render'>;
  policies: PolicyBook;
  webhooks: Pick<VerdictWebhooks, 'check'>;
}

/** Checks everything about an input and its bytes, and throws every fault at once. Not for a transaction: it renders. */
export async function checkCreation(
  deps: CheckCreationDependencies,
  viewer: Viewer,
  input: CreationInput,
  intake: Intake,
): Promise<Examined> {
  const faults = new Faults();
  const fileName = chooseFileName(faults, input.fileName, intake.fileName);
  if (input.digest) checkDigest(faults, input.digest, intake);
  const { applicable, descriptionHtml } = await examineWords(faults, deps, viewer, input);
  const contentType = checkContent(faults, applicable, input.contentType, { intake, fileName });
  faults.throwIfAny();
  const isLinked = input.record !== null && input.field !== null;
  const fieldPolicy = isLinked ? (applicable.at(-1) ?? null) : null;
  return { fileName, contentType: contentType ?? '', descriptionHtml, fieldPolicy };
}

/** The facts known about content that could not be taken in. */
export interface RefusedContent {
  /** Whether it comes with a name of its own. */
  hasName: boolean;
  /** The media type that its data URL says. */
  urlType: string | null;
}

/** For content that could not be taken in: what else is wrong with its input. */
export async function findOtherFaults(
  deps: CheckCreationDependencies,
  viewer: Viewer,
  input: CreationInput,
  { hasName, urlType }: RefusedContent,
): Promise<Faults> {
  const faults = new Faults();
  const isNamed = input.fileName !== null || !hasName;
  const fileName = isNamed ? chooseFileName(faults, input.fileName, null) : '';
  if (input.digest) checkDigest(faults, input.digest, null);
  const { applicable } = await examineWords(faults, deps, viewer, input);
  const content = { declaredType: urlType, fromDataUrl: urlType === null ? null : ('dataUrl' as const) };
  const claim = chooseClaim(faults, input.contentType, fileName, content);
  const declared = readDeclared(claim.type, fileName);
  if (declared === 'invalid') {
    const { type, msg } = invalidMediaType();
    faults.add(type, claim.loc, msg);
  } else {
    for (const policy of applicable)
      checkWithoutBytes(faults, policy, { ...claim, type: declared }, fileName);
  }
  return faults;
}

/** Notes a fault if the policy refuses the declared type or, without one, the name, whichever accepted type the bytes were of. */
function checkWithoutBytes(faults: Faults, policy: Policy, claim: Claim, fileName: string): void {
  const found = [...(policy.acceptedTypes?.keys() ?? [])].map((contentType) =>
    checkDeclared(policy, claim.type, { contentType, fileName }),
  );
  const ofName = claim.type === null ? checkNameAlone(policy, { fileName }) : [];
  for (const { type, msg } of ofName) faults.add(type, ['input', 'fileName'], msg);
  if (fileName === '' || found.some((fault) => fault.length === 0)) return;
  for (const { type, msg } of found[0] ?? []) faults.add(type, claim.loc, msg);
}

/** Notes what can be said of an input without its bytes. Returns the policies that hold for them, and the description's HTML. */
async function examineWords(
  faults: Faults,
  deps: CheckCreationDependencies,
  viewer: Viewer,
  input: CreationInput,
): Promise<{ applicable: Policy[]; descriptionHtml: string | null }> {
  const { description, metadata, idempotencyKey, webhooks } = input;
  const rendered = description === null ? null : await renderDescription(deps.renderer, viewer, input);
  const descriptionHtml = rendered && checkDescription(faults, rendered);
  checkMetadata(faults, metadata);
  checkPlace(faults, input);
  if (idempotencyKey !== null) checkIdempotencyKey(faults, idempotencyKey);
  if (webhooks.length > 0) await deps.webhooks.check(faults, viewer, webhooks, ['input', 'webhooks']);
  return { applicable: choosePolicies(faults, deps.policies, input), descriptionHtml };
}

/** Notes what is wrong with the record, or its type, and the field. */
function checkPlace(faults: Faults, { record, recordType, field }: CreationInput): void {
  if (record) checkRecord(faults, record, ['input', 'record']);
  if (recordType !== null) checkName(faults, recordType, ['input', 'recordType']);
  if (record && recordType !== null && recordType !== record.type)
    faults.add('exactly_one', ['input', 'recordType'], 'The record has another type.');
  if (field === null) return;
  checkName(faults, field, ['input', 'field']);
  if (!record && recordType === null)
    faults.add('missing_record', ['input', 'field'], 'A field needs a record, or the type of one.');
}

/** Notes what is wrong with content under each policy. Returns its type; null where what is said of it does not agree. */
export function checkContent(
  faults: Faults,
  applicable: readonly Policy[],
  given: string | null,
  { intake, fileName }: { intake: Intake; fileName: string },
): string | null {
  const { content, declaredType: hint, size } = intake;
  const claim = chooseClaim(faults, given, fileName, intake);
  const contentType = agreeOnType(faults, applicable, { content, fileName, claim, hint });
  for (const policy of applicable) {
    const found = [
      ...checkSize(policy, { size }),
      ...(contentType === null ? [] : checkType(policy, { contentType, fileName })),
    ];
    for (const { type, msg, limit, loc } of found) faults.add(type, ['input', ...loc], msg, { limit });
    if (contentType === null || found.some(({ type }) => type !== 'file_too_large')) continue;
    const declared = readDeclared(claim.type, fileName);
    for (const { type, msg } of checkDeclared(policy, declared, { contentType, fileName }))
      faults.add(type, claim.loc, msg);
  }
  return contentType;
}

/** The type by the table of the first policy by which all of them accept it; if there is none, by the first table. */
function agreeOnType(
  faults: Faults,
  applicable: readonly Policy[],
  { claim, ...claims }: Pick<ContentTypeClaims, 'content' | 'fileName' | 'hint'> & { claim: Claim },
): string | null {
  const { fileName } = claims;
  const extensions = applicable.some((policy) => policy.extensions === 'match') ? 'match' : 'any';
  const agreeBy = (acceptedTypes: ContentTypeClaims['acceptedTypes']) =>
    agreeContentType({ ...claims, claim: claim.type, acceptedTypes, extensions });
  const isAccepted = (contentType: string) =>
    applicable.every((policy) => checkType(policy, { contentType, fileName }).length === 0);
  const attempts = applicable.map(({ acceptedTypes }) => agreeBy(acceptedTypes));
  const accepted = attempts.find((one) => 'contentType' in one && isAccepted(one.contentType));
  const agreed = accepted ?? attempts[0] ?? agreeBy(null);
  if ('contentType' in agreed) return agreed.contentType;
  const { loc, type, msg } = agreed.fault;
  faults.add(type, type === 'extension_mismatch' ? ['input', ...loc] : claim.loc, msg);
  return null;
}

/** A type that the content is declared to be, and the place in the input that says so. */
interface Claim {
  type: string | null;
  loc: Loc;
}

/**
 * The input's type, else that of the data URL or the target; not that of a file part. What the input and a data URL claim must be
 * the same, whichever the bytes bear out.
 */
function chooseClaim(
  faults: Faults,
  given: string | null,
  fileName: string,
  {
    declaredType,
    fromDataUrl,
    fromUploadTarget,
  }: Pick<Intake, 'declaredType' | 'fromDataUrl' | 'fromUploadTarget'>,
): Claim {
  const own = fromDataUrl || fromUploadTarget ? declaredType : null;
  const type = given === null ? null : parseMediaType(given);
  const ofInput = { type: given, loc: ['input', 'contentType'] };
  const ofContent = { type: own, loc: ['input', 'content', fromDataUrl ?? 'documentKey'] };
  if (type === null || own === null || !fromDataUrl)
    return given === null && own !== null ? ofContent : ofInput;
  if (readDeclared(type, fileName) === null) return ofContent;
  if (readDeclared(own, fileName) !== null && !isSameType(type, own)) {
    const msg = `The content is declared to be ${type}, but its data URL says ${own}.`;
    faults.add('data_url_mismatch', ofInput.loc, msg);
  }
  return ofInput;
}

/** Data that the client keeps with a file; `type` is an open set. */
export interface Metadata {
  type: string;
  attributes: Record<string, unknown> | null;
}

export const maxAttributesBytes = 16_384;

/** Notes every fault of metadata given as `input.metadata`. */
export function checkMetadata(faults: Faults, metadata: Metadata | null): void {
  if (!metadata) return;
  checkName(faults, metadata.type, ['input', 'metadata', 'type']);
  const bytes = metadata.attributes ? Buffer.byteLength(JSON.stringify(metadata.attributes)) : 0;
  if (bytes > maxAttributesBytes) {
    const msg = `The attributes take ${bytes} bytes as JSON; at most ${maxAttributesBytes} are allowed.`;
    faults.add('too_long', ['input', 'metadata', 'attributes'], msg, { limit: maxAttributesBytes });
  }
}
