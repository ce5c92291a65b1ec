import type { IncomingMessage } from 'node:http';
import type { GraphQLSchema } from 'graphql';
import { type DiscardIntakeDependencies, discardIntake } from '../attachments/discard-intake.js';
import type { Intake } from '../attachments/intake.js';
import { type TakeInDependencies, takeIn } from '../attachments/take-in.js';
import type { Viewer } from '../auth/viewer.js';
import { defaultMultipartLimits } from './multipart/multipart-limits.js';
import { type MultipartRequest, processMultipart } from './multipart/process-multipart.js';
import { createScreen } from './screen-operation.js';

export interface UploadRequestOptions {
  maxFileSize: number;
  maxFiles: number;
  operationsTimeoutMs: number;
  stallTimeoutMs: number;
}

/** Room in a request for what is not file content: operations, map, and the headers of parts. */
const framing = 4 * 1024 * 1024;

/** Reads multipart requests, taking each file in as it arrives, in the name of the viewer's organization. */
export function createUploadRequestReader(
  deps: TakeInDependencies & DiscardIntakeDependencies & { schema: GraphQLSchema },
  options: UploadRequestOptions,
) {
  const screen = createScreen(deps.schema);
  const { maxFileSize, maxFiles } = options;
  const maxRequestSize = maxFiles * maxFileSize + framing;
  const limits = { ...defaultMultipartLimits, ...options, maxRequestSize };
  return (request: IncomingMessage, { organizationId }: Viewer): Promise<MultipartRequest<Intake>> =>
    processMultipart<Intake>(request, limits, {
      screen,
      receive: ({ stream, fileName, declaredType }) =>
        takeIn(deps, { organizationId, content: stream, maxSize: maxFileSize, fileName, declaredType }),
      discard: (intake) => discardIntake(deps, intake),
    });
}
