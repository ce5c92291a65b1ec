import type { FastifyInstance } from 'fastify';
import type { Admit } from '../auth/admit.js';
import type { KnownKeys } from '../auth/known-keys.js';
import type { UploadTokens } from '../auth/upload-tokens.js';
import type { Config } from '../config/config.js';
import { registerDirectUpload } from '../http/direct-upload.js';
import { registerTus } from '../http/tus-route.js';
import { appendToUpload } from '../intake/append-upload.js';
import { createResumable } from '../intake/create-resumable.js';
import { measureFailure, measureUpload, type UploadMeter } from '../intake/measure-upload.js';
import { type DirectUpload, type ReceiveUploadDependencies, receiveUpload } from '../intake/receive.js';
import {
  findUpload,
  inspectUpload,
  type ResumableDependencies,
  terminateUpload,
} from '../intake/resumable.js';
import { RunningDigests } from '../intake/running-digests.js';
import { UploadAttempts } from '../intake/upload-attempts.js';
import type { NetworkRate } from '../limits/network-rate.js';
import { minBytesPerSecond } from '../limits/pace.js';
import { inSpan } from '../tracing.js';

export interface UploadRouteDependencies
  extends Omit<
    ReceiveUploadDependencies & ResumableDependencies,
    'pace' | 'attempts' | 'digests' | 'isKeyGood'
  > {
  tokens: UploadTokens;
  admit: Admit;
  keys: KnownKeys;
  /** Counts wrong tokens; null for no limit. */
  anonymous: NetworkRate | null;
  uploadMeter: UploadMeter;
  uploadUrl(targetId: string): string;
}

/** Adds the entrances for bytes past GraphQL. One table of requests under way serves all of them. */
export function addUploads(
  server: FastifyInstance,
  { stallTimeoutMs }: Pick<Config, 'stallTimeoutMs'>,
  deps: UploadRouteDependencies,
): void {
  const { tokens, anonymous, uploadMeter } = deps;
  const pace = { stallTimeoutMs, minBytesPerSecond };
  const attempts = new UploadAttempts(deps);
  const { isKeyGood } = deps.keys;
  addTus(server, { ...deps, isKeyGood, pace, attempts, digests: new RunningDigests(deps.hasher) });
  const receive = (upload: DirectUpload) =>
    inSpan('intake', {}, () =>
      measureUpload(uploadMeter, 'direct', async () => {
        const received = await receiveUpload({ ...deps, isKeyGood, pace, attempts }, upload);
        if (received.isNew) uploadMeter.onStored('direct', received.size);
        return received;
      }),
    );
  registerDirectUpload(server, { tokens, anonymous, receive });
}

function addTus(
  server: FastifyInstance,
  deps: UploadRouteDependencies & ResumableDependencies & Pick<ReceiveUploadDependencies, 'isKeyGood'>,
): void {
  const { uploadMeter } = deps;
  registerTus(server, {
    ...deps,
    find: (targetId) => findUpload(deps, targetId),
    create: (viewer, input) => measureFailure(uploadMeter, 'tus', () => createResumable(deps, viewer, input)),
    append: (upload, part) =>
      inSpan('intake', {}, async () => {
        const appended = await measureFailure(uploadMeter, 'tus', () => appendToUpload(deps, upload, part));
        uploadMeter.onStored('tus', appended.received - part.offset);
        if (appended.state === 'FINISHED') uploadMeter.onUpload('tus', 'accepted');
        return appended;
      }),
    inspect: (upload) => inspectUpload(deps, upload),
    terminate: (upload) => terminateUpload(deps, upload),
  });
}
