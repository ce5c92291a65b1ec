import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Admit } from '../auth/admit.js';
import { assertPermitted, routeNeeds } from '../auth/permission-table.js';
import type { UploadTokens } from '../auth/upload-tokens.js';
import type { Viewer } from '../auth/viewer.js';
import type { UploadTargetRow } from '../database/entities/upload-target.js';
import { AttachmentError } from '../errors.js';
import type { UploadPart } from '../intake/append-upload.js';
import type { CreateResumable } from '../intake/create-resumable.js';
import { gone } from '../intake/resumable.js';
import { assertMakersKey } from '../intake/upload-target.js';
import type { NetworkRate } from '../limits/network-rate.js';
import { admitAnonymous, admitRequest } from './admit-request.js';

export interface ResumableRouteDependencies {
  tokens: UploadTokens;
  admit: Admit;
  /** Counts wrong tokens; null for no limit. */
  anonymous: NetworkRate | null;
  isKeyGood(keyId: string): Promise<boolean>;
  uploadUrl(targetId: string): string;
  maxFileSize: number;
  clock(): Date;
  /** Null for an id that no target has. */
  find(targetId: string): Promise<UploadTargetRow | null>;
  create(viewer: Viewer, input: CreateResumable): Promise<UploadTargetRow>;
  append(upload: UploadTargetRow, part: UploadPart): Promise<UploadTargetRow>;
  inspect(upload: UploadTargetRow): Promise<UploadTargetRow>;
  terminate(upload: UploadTargetRow): Promise<void>;
}

export type Handler = (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>;

/** The upload of the URL, for whoever may go on with it. */
export async function openUpload(
  deps: ResumableRouteDependencies,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<UploadTargetRow> {
  const { '*': token } = request.params as { '*': string };
  const targetId = deps.tokens.verify(token);
  if (targetId === null) {
    await admitAnonymous(deps.anonymous, request, reply);
    throw new AttachmentError('NOT_FOUND');
  }
  const upload = await deps.find(targetId);
  if (!upload) throw gone();
  const { terms, protocol, organizationId, principalId } = upload;
  if (!terms || protocol !== 'TUS') throw new AttachmentError('NOT_FOUND');
  if (terms.needsCredential) {
    const admitted = await admitRequest(deps.admit, request, reply);
    const viewer = assertPermitted(admitted, routeNeeds['POST /uploads']);
    if (viewer.organizationId !== organizationId || viewer.principal.id !== principalId)
      throw new AttachmentError('NOT_FOUND');
  } else {
    await assertMakersKey(deps, upload);
  }
  return upload;
}

/** Null where the request does not say. */
export function bodyLength({ headers }: FastifyRequest): number | null {
  if (headers['transfer-encoding'] !== undefined) return null;
  return Number(headers['content-length'] ?? 0);
}
