import type { AttachmentErrorCode } from '../errors.js';
import type { Policy } from './policy.js';

export interface PolicyFault {
  code: AttachmentErrorCode;
  loc: string[];
  type: string;
  msg: string;
  limit?: number;
}

export function checkPolicy(
  policy: Policy,
  { size }: { size: number; contentType: string; fileName: string },
): PolicyFault[] {
  if (size <= policy.maxFileSize) return [];
  return [
    {
      code: 'FILE_TOO_LARGE',
      loc: ['content'],
      type: 'file_too_large',
      msg: 'Too large.',
      limit: policy.maxFileSize,
    },
  ];
}
