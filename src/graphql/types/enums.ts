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
  description: "The verdict on an attachment's content.",
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
  description: 'The kinds of reasons for a rejection.',
});

export const WebhookInteraction = {
  ATTACHMENT_APPROVED: 'ATTACHMENT_APPROVED',
  ATTACHMENT_REJECTED: 'ATTACHMENT_REJECTED',
} as const;
registerEnumType(WebhookInteraction, {
  name: 'WebhookInteraction',
  description: 'The events that webhooks tell of.',
  valuesConfig: {
    ATTACHMENT_APPROVED: { description: 'The attachment was approved.' },
    ATTACHMENT_REJECTED: { description: 'The attachment was rejected.' },
  },
});

export const ExtensionRule = { MATCH: 'MATCH', ANY: 'ANY' } as const;
registerEnumType(ExtensionRule, {
  name: 'ExtensionRule',
  valuesConfig: {
    MATCH: { description: "The extension must be one of the found type's." },
    ANY: { description: 'Any extension: the type found in the bytes counts, whatever the name says.' },
  },
  description: "The rules for how a name's extension and the bytes must agree.",
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
registerEnumType(DigestAlgorithm, {
  name: 'DigestAlgorithm',
  description: 'The hash functions that are known of every content.',
  valuesConfig: {
    MD5: { description: '128 bits, for comparing with older systems. It proves nothing against a forger.' },
    SHA256: { description: '256 bits.' },
  },
});

export const UploadProtocol = { PUT: 'PUT', TUS: 'TUS', S3_MULTIPART: 'S3_MULTIPART' } as const;
registerEnumType(UploadProtocol, {
  name: 'UploadProtocol',
  description: 'The ways to send the bytes of an upload target.',
  valuesConfig: {
    PUT: { description: 'All bytes in one PUT.' },
    TUS: { description: 'tus 1.0.0: HEAD and PATCH at the url, to go on where it broke off.' },
    S3_MULTIPART: {
      description:
        'In parts of partSize bytes to the object store itself, each by a URL of signUploadParts; then completeUploadTarget. Refused where bytes are kept in no store.',
    },
  },
});

export const UploadTargetState = {
  OPEN: 'OPEN',
  RECEIVING: 'RECEIVING',
  FINISHED: 'FINISHED',
  EXPIRED: 'EXPIRED',
} as const;
registerEnumType(UploadTargetState, {
  name: 'UploadTargetState',
  description: 'How far an upload target is.',
  valuesConfig: {
    OPEN: { description: 'It waits for bytes.' },
    RECEIVING: { description: 'A request is bringing bytes.' },
    FINISHED: { description: 'All bytes are there.' },
    EXPIRED: { description: 'It takes no bytes any more, and they are not all there.' },
  },
});

export const TextFormat = { PLAIN: 'PLAIN', MARKDOWN: 'MARKDOWN' } as const;
export type TextFormat = keyof typeof TextFormat;
registerEnumType(TextFormat, {
  name: 'TextFormat',
  valuesConfig: {
    PLAIN: { description: 'Shown as it was typed, line breaks included.' },
    MARKDOWN: { description: "GitHub's flavour, without HTML and images." },
  },
  description: 'The formats of a description.',
});

export const Disposition = { ATTACHMENT: 'ATTACHMENT', INLINE: 'INLINE' } as const;
export type Disposition = keyof typeof Disposition;
registerEnumType(Disposition, {
  name: 'Disposition',
  description: 'The way a browser treats a download.',
  valuesConfig: {
    ATTACHMENT: { description: 'It saves the file.' },
    INLINE: { description: 'It shows the file if its type is harmless.' },
  },
});

export const PreviewFit = { COVER: 'COVER', INSIDE: 'INSIDE' } as const;
export type PreviewFit = keyof typeof PreviewFit;
registerEnumType(PreviewFit, {
  name: 'PreviewFit',
  description: 'The ways a picture is made to fit the square of a preview.',
  valuesConfig: {
    COVER: { description: 'Fills the square and crops what is over.' },
    INSIDE: { description: 'Fits within the square, never larger than the original.' },
  },
});

export const PreviewFormat = { AVIF: 'AVIF', JPEG: 'JPEG', WEBP: 'WEBP' } as const;
export type PreviewFormat = keyof typeof PreviewFormat;
registerEnumType(PreviewFormat, {
  name: 'PreviewFormat',
  description: 'The formats of previews.',
  valuesConfig: {
    AVIF: { description: 'The smallest, and the slowest to make.' },
    JPEG: { description: 'Shown everywhere; what is transparent becomes white.' },
    WEBP: { description: 'Shown by every browser.' },
  },
});

export const PrincipalKind = { USER: 'USER', SERVICE: 'SERVICE' } as const;
registerEnumType(PrincipalKind, {
  name: 'PrincipalKind',
  description: 'The kinds of principals.',
  valuesConfig: {
    SERVICE: { description: 'A service account, by API key.' },
    USER: { description: 'A person, by JSON Web Token.' },
  },
});

export const LinkState = { ACTIVE: 'ACTIVE', PENDING: 'PENDING', REJECTED: 'REJECTED' } as const;
export type LinkState = keyof typeof LinkState;
registerEnumType(LinkState, {
  name: 'LinkState',
  valuesConfig: {
    ACTIVE: { description: 'Its attachment is approved.' },
    PENDING: { description: 'Its attachment has no verdict yet.' },
    REJECTED: { description: 'Its attachment was rejected while this was read: the link is gone by now.' },
  },
  description: 'The state of a link for readers of its field.',
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
  description: 'The ways to change the attachments of a field.',
});

export const AttachmentOrderField = {
  CREATED_AT: 'CREATED_AT',
  FILE_NAME: 'FILE_NAME',
  SIZE: 'SIZE',
} as const;
registerEnumType(AttachmentOrderField, {
  name: 'AttachmentOrderField',
  valuesConfig: {
    CREATED_AT: { description: 'The time of creation.' },
    SIZE: { description: 'The size in bytes.' },
    FILE_NAME: {
      description: 'Without case or accents, and numbers by their value: file9, file10, Zebra.',
    },
  },
  description: 'The values that attachments can be ordered by.',
});

export const Sharing = { EXCLUSIVE: 'EXCLUSIVE', SHARED: 'SHARED' } as const;
registerEnumType(Sharing, {
  name: 'Sharing',
  valuesConfig: {
    EXCLUSIVE: { description: 'Linking claims: an attachment belongs to one record for good.' },
    SHARED: { description: 'Linking does not claim: one attachment may be linked to many records.' },
  },
  description: 'The ways that a place treats attachments of other places.',
});

export const OrderDirection = { ASC: 'ASC', DESC: 'DESC' } as const;
registerEnumType(OrderDirection, {
  name: 'OrderDirection',
  description: 'The direction of an order.',
  valuesConfig: {
    ASC: { description: 'From the least to the greatest.' },
    DESC: { description: 'From the greatest to the least.' },
  },
});
