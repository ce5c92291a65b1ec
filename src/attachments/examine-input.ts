import { Faults } from '../faults.js';
import { agreeContentType } from './agree-content-type.js';
import { checkDigest, type Digest } from './check-digest.js';
import { checkMetadata, type Metadata } from './check-metadata.js';
import { checkPolicy } from './check-policy.js';
import { chooseFileName } from './choose-file-name.js';
import { choosePolicies } from './choose-policy.js';
import { isSameType, isVagueType } from './content-type-names.js';
import type { Intake } from './intake.js';
import type { PolicyBook } from './load-policies.js';
import { parseMediaType } from './parse-media-type.js';
import type { Policy } from './policy.js';
import { checkIdempotencyKey } from './recall-creation.js';
import { checkName, checkRecord, type RecordRef } from './record.js';
import type { Subscription, VerdictListener } from './verdict-listener.js';

/** What a client says of bytes that it wants to be an attachment. */
export interface CreationInput {
  fileName: string | null;
  /** Must agree with the bytes and the name. */
  contentType: string | null;
  description: string | null;
  metadata: Metadata | null;
  /** Claims it for this record at once. */
  record: RecordRef | null;
  /** With `record`: appends it to this field at once. */
  field: string | null;
  /** Name of the policy to check against, instead of the record's and field's. */
  policy: string | null;
  digest: Digest | null;
  idempotencyKey: string | null;
  webhooks: readonly Subscription[];
}

/** What has been found of an input that has no fault. */
export interface Examined {
  fileName: string;
  contentType: string;
  /** What the record's field accepts; null without a field. */
  fieldPolicy: Policy | null;
}

/** Checks everything about an input and its bytes, and throws every fault at once. */
export async function examineInput(
  { policies, verdicts }: { policies: PolicyBook; verdicts: Pick<VerdictListener, 'check'> },
  input: CreationInput,
  intake: Intake,
): Promise<Examined> {
  const faults = new Faults();
  const fileName = chooseFileName(faults, input.fileName, intake.fileName);
  checkDetails(faults, input, intake);
  if (input.webhooks.length > 0) await verdicts.check(faults, input.webhooks, ['input', 'webhooks']);
  const applicable = choosePolicies(faults, policies, input);
  const contentType = await checkContentType(faults, input, intake, fileName, applicable[0] ?? null);
  if (contentType !== null) {
    const facts = { size: intake.size, contentType, fileName };
    for (const policy of applicable) {
      for (const { code, type, msg, limit, loc } of checkPolicy(policy, facts)) {
        faults.add(code, ['input', ...loc], type, msg, limit);
      }
    }
  }
  faults.throwIfAny();
  const fieldPolicy = input.field === null ? null : (applicable.at(-1) ?? null);
  return { fileName, contentType: contentType ?? '', fieldPolicy };
}

function checkDetails(faults: Faults, input: CreationInput, intake: Intake): void {
  const { description, metadata, record, field, digest, idempotencyKey } = input;
  checkMetadata(faults, description, metadata);
  if (record) checkRecord(faults, record, ['input', 'record']);
  if (field !== null) {
    checkName(faults, field, ['input', 'field']);
    if (!record)
      faults.add('BAD_USER_INPUT', ['input', 'field'], 'missing_record', 'A field needs a record.');
  }
  if (digest) checkDigest(faults, digest, intake);
  if (idempotencyKey !== null) checkIdempotencyKey(faults, idempotencyKey);
}

async function checkContentType(
  faults: Faults,
  input: CreationInput,
  intake: Intake,
  fileName: string,
  policy: Policy | null,
): Promise<string | null> {
  const agreed = await agreeContentType({
    head: intake.head,
    fileName,
    declared: chooseDeclaredType(faults, input.contentType, intake),
    acceptedTypes: policy?.acceptedTypes ?? null,
  });
  if ('contentType' in agreed) return agreed.contentType;
  const { code, loc, type, msg } = agreed.fault;
  faults.add(code, ['input', ...loc], type, msg);
  return null;
}

/** The input's type, else the content's own. What the two say in a data URL must be the same, whichever the bytes bear out. */
function chooseDeclaredType(
  faults: Faults,
  given: string | null,
  { declaredType: own, fromDataUrl }: Intake,
): string | null {
  const type = given === null ? null : parseMediaType(given);
  if (type === null || own === null || !fromDataUrl) return given ?? own;
  if (isVagueType(type)) return own;
  if (!isVagueType(own) && !isSameType(type, own)) {
    const msg = `The content is declared to be ${type}, but its data URL says ${own}.`;
    faults.add('CONTENT_TYPE_MISMATCH', ['input', 'contentType'], 'data_url_mismatch', msg);
  }
  return given;
}
