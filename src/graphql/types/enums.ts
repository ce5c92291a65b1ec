import { registerEnumType } from 'type-graphql';
import { type AttachmentErrorCode as ErrorCode, errorTable } from '../../errors.js';

export const AttachmentStatus = {
  PENDING: 'PENDING',
  APPROVED: 'APPROVED',
  REJECTED: 'REJECTED',
  SCAN_FAILED: 'SCAN_FAILED',
} as const;
registerEnumType(AttachmentStatus, {
  name: 'AttachmentStatus',
  valuesConfig: {
    PENDING: { description: 'Stored, verdict outstanding. Only its creator may download it.' },
    APPROVED: { description: 'Passed every check, or scanning is switched off. Downloadable.' },
    REJECTED: { description: 'Failed a check. Nobody may download it.' },
    SCAN_FAILED: {
      description:
        'The scanner could not give a verdict after all its retries. Treated like PENDING; can be rescanned.',
    },
  },
});

export const RejectionReason = {
  MALWARE: 'MALWARE',
  CONTENT_TYPE: 'CONTENT_TYPE',
  POLICY: 'POLICY',
} as const;
registerEnumType(RejectionReason, {
  name: 'RejectionReason',
  valuesConfig: {
    MALWARE: { description: 'The scanner knows it as malware.' },
    CONTENT_TYPE: { description: 'The scanner finds it broken: not of the type that it begins like.' },
    POLICY: {
      description:
        'The scanner is set to let no such file pass, such as an encrypted one or one with macros.',
    },
  },
});

export const WebhookInteraction = {
  ATTACHMENT_APPROVED: 'ATTACHMENT_APPROVED',
  ATTACHMENT_REJECTED: 'ATTACHMENT_REJECTED',
} as const;
registerEnumType(WebhookInteraction, { name: 'WebhookInteraction' });

export const ExtensionRule = { MATCH: 'MATCH', ANY: 'ANY' } as const;
registerEnumType(ExtensionRule, {
  name: 'ExtensionRule',
  valuesConfig: {
    MATCH: { description: "The extension must be one of the found type's." },
    ANY: { description: 'Any extension: the type found in the bytes counts, whatever the name says.' },
  },
});

export const AttachmentErrorCode = Object.fromEntries(
  Object.keys(errorTable).map((code) => [code, code]),
) as { [Code in ErrorCode]: Code };
registerEnumType(AttachmentErrorCode, {
  name: 'AttachmentErrorCode',
  description: `
Every refused request carries one of these in errors[].extensions.code, with
extensions.details: [{ loc: [String|Int], msg: String, type: String }] naming each fault at
once, and extensions.limit where a limit was passed. No path, SQL, stack or key ever leaves.`.trim(),
  valuesConfig: Object.fromEntries(
    Object.entries(errorTable).map(([code, { message }]) => [code, { description: message }]),
  ),
});

export const DigestAlgorithm = { MD5: 'MD5', SHA256: 'SHA256' } as const;
export type DigestAlgorithm = keyof typeof DigestAlgorithm;
registerEnumType(DigestAlgorithm, { name: 'DigestAlgorithm' });

export const TextFormat = { PLAIN: 'PLAIN', MARKDOWN: 'MARKDOWN' } as const;
export type TextFormat = keyof typeof TextFormat;
registerEnumType(TextFormat, {
  name: 'TextFormat',
  valuesConfig: {
    PLAIN: { description: 'Shown as it was typed, line breaks included.' },
    MARKDOWN: { description: "GitHub's flavour, without HTML and images." },
  },
});

export const Disposition = { ATTACHMENT: 'ATTACHMENT', INLINE: 'INLINE' } as const;
export type Disposition = keyof typeof Disposition;
registerEnumType(Disposition, { name: 'Disposition' });

export const PrincipalKind = { USER: 'USER', SERVICE: 'SERVICE' } as const;
registerEnumType(PrincipalKind, { name: 'PrincipalKind' });

export const LinkState = { ACTIVE: 'ACTIVE', PENDING: 'PENDING', REJECTED: 'REJECTED' } as const;
export type LinkState = keyof typeof LinkState;
registerEnumType(LinkState, {
  name: 'LinkState',
  valuesConfig: {
    ACTIVE: { description: 'Its attachment is approved.' },
    PENDING: { description: 'Its attachment has no verdict yet.' },
    REJECTED: { description: 'Its attachment was rejected while this was read: the link is gone by now.' },
  },
});

export const LinkMode = { REPLACE: 'REPLACE', ADD: 'ADD', REMOVE: 'REMOVE' } as const;
registerEnumType(LinkMode, {
  name: 'LinkMode',
  valuesConfig: {
    REPLACE: {
      description: 'The field holds exactly these, in this order; others are unlinked. [] empties it.',
    },
    ADD: { description: 'Appended in this order; those already there keep their place.' },
    REMOVE: { description: 'Taken out; those not there are passed over.' },
  },
});

export const AttachmentOrderField = {
  CREATED_AT: 'CREATED_AT',
  FILE_NAME: 'FILE_NAME',
  SIZE: 'SIZE',
} as const;
registerEnumType(AttachmentOrderField, {
  name: 'AttachmentOrderField',
  valuesConfig: {
    FILE_NAME: {
      description: 'Without case or accents, and numbers by their value: file9, file10, Zebra.',
    },
  },
});

export const Sharing = { EXCLUSIVE: 'EXCLUSIVE', SHARED: 'SHARED' } as const;
registerEnumType(Sharing, {
  name: 'Sharing',
  valuesConfig: {
    EXCLUSIVE: { description: 'Linking claims: an attachment belongs to one record for good.' },
    SHARED: { description: 'Linking does not claim: one attachment may be linked to many records.' },
  },
});

export const OrderDirection = { ASC: 'ASC', DESC: 'DESC' } as const;
registerEnumType(OrderDirection, { name: 'OrderDirection' });
