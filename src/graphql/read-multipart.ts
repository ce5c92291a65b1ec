import type { IncomingMessage } from 'node:http';
import type { Viewer } from '../auth/viewer.js';
import { type IntakeDependencies, intakeFromStream } from '../intake/from-stream.js';
import { type Door, measureFailure, type UploadMeter } from '../intake/hash-content.js';
import { type DiscardIntakeDependencies, discardIntake, type Intake } from '../intake/intake.js';
import { minBytesPerSecond } from '../limits/pace.js';
import { keepSpan } from '../tracing.js';
import type { IncomingFile } from './multipart/form-reader.js';
import { defaultMultipartLimits, maxPartHeaderSize } from './multipart/multipart-syntax.js';
import { type MultipartRequest, processMultipart } from './multipart/process-multipart.js';
import type { Operation } from './screen-operation.js';

export type ReadRequestDependencies = IntakeDependencies &
  DiscardIntakeDependencies & { uploadMeter: UploadMeter };

export interface RequestLimits {
  maxFileSize: number;
  maxFiles: number;
  operationsTimeoutMs: number;
  stallTimeoutMs: number;
}

/**
 * Reads the body of a request in the name of `viewer`, taking content in as it arrives. `screen` is asked before any file is read
 * whether the operation can be executed.
 */
export type ReadMultipart = (
  request: IncomingMessage,
  viewer: Viewer,
  screen: (operation: Operation) => Promise<boolean>,
) => Promise<MultipartRequest<Intake>>;

/** Room in a multipart request for what is not file content: operations, map, and the headers of parts. */
const framing = 4 * 1024 * 1024;

/** The parser's content type for a part without one of its own. */
const undeclared = 'text/plain';

export function createMultipartReader(deps: ReadRequestDependencies, limits: RequestLimits): ReadMultipart {
  const { maxFileSize: maxSize, maxFiles } = limits;
  const maxRequestSize = maxFiles * maxSize + framing;
  const multipartLimits = { ...defaultMultipartLimits, ...limits, minBytesPerSecond, maxRequestSize };
  return (request, { organizationId }, screen) => {
    // Parts are events of the connection.
    const inSpanOfRequest = keepSpan();
    return processMultipart<Intake>(request, multipartLimits, {
      screen: (operation) => inSpanOfRequest(() => screen(operation)),
      receive: (file, left) => {
        const { fileName, declaredType: declared } = file;
        const content = file.whole ?? file.stream;
        const declaredType = declared === undeclared ? null : declared;
        return inSpanOfRequest(() =>
          measured(deps.uploadMeter, 'multipart', async () => {
            const toldSize = await assertRest(deps, organizationId, file, left);
            const source = { organizationId, content, maxSize, fileName, declaredType, toldSize };
            return intakeFromStream(deps, source);
          }),
        );
      },
      discard: (intake) => discardIntake(deps, intake),
    });
  };
}

/** The size of the last file of a form that tells its length. If several are to come, throws where they have no room together. */
async function assertRest(
  { quotas }: ReadRequestDependencies,
  organizationId: string,
  { rest = null }: IncomingFile,
  left: number,
): Promise<number | null> {
  if (left === 1 || rest === null) return rest;
  const least = Math.max(0, rest - (left - 1) * maxPartHeaderSize);
  await (await quotas.of(organizationId))?.assertRoom(least, ['input', 'content']);
  return null;
}

function measured(meter: UploadMeter, door: Door, take: () => Promise<Intake>): Promise<Intake> {
  return measureFailure(meter, door, async () => {
    const intake = await take();
    meter.onStored(door, intake.size);
    return intake;
  });
}
