import type { IncomingMessage } from 'node:http';
import { assertPermitted, contentNeed } from '../auth/permission-table.js';
import type { Viewer } from '../auth/viewer.js';
import { InvalidBase64 } from '../intake/decode-base64.js';
import { type DiscardIntakeDependencies, discardIntake } from '../intake/discard-intake.js';
import { intakeFromStream, type TakeInDependencies } from '../intake/from-stream.js';
import { intakeFromText, type TextEncoding } from '../intake/from-text.js';
import type { Intake } from '../intake/intake.js';
import { type Door, measureFailure, type UploadMeter } from '../intake/receive.js';
import { minBytesPerSecond } from '../limits/pace.js';
import { defaultJsonBodyLimits, maxJsonRequestSize } from './json-body/json-body-limits.js';
import { type JsonBody, type LongTextSource, readJsonBody } from './json-body/read-json-body.js';
import { defaultMultipartLimits } from './multipart/multipart-limits.js';
import { type MultipartRequest, processMultipart } from './multipart/process-multipart.js';
import type { Screen } from './screen-operation.js';
import { textTooLong } from './text-too-long.js';

export type ReadRequestDependencies = TakeInDependencies &
  DiscardIntakeDependencies & { uploadMeter: UploadMeter };

export interface RequestLimits {
  maxFileSize: number;
  maxFiles: number;
  operationsTimeoutMs: number;
  stallTimeoutMs: number;
}

/** Reads the body of a request in the name of `viewer`, taking content in as it arrives. */
export type ReadMultipart = (request: IncomingMessage, viewer: Viewer) => Promise<MultipartRequest<Intake>>;
export type ReadJson = (request: IncomingMessage, viewer: Viewer | null) => Promise<JsonRequest>;

/** A long text: taken in, or no base64. In that case the operation tells which fault it is, since its policy limits the length. */
export type TakenText = { intake: Intake } | { fault: InvalidBase64 };

export type JsonRequest = Omit<JsonBody<TakenText>, 'taken'> & { taken: Intake[] };

/** Room in a multipart request for what is not file content: operations, map, and the headers of parts. */
const framing = 4 * 1024 * 1024;

/** The parser's content type for a part without one of its own. */
const undeclared = 'text/plain';

export function createMultipartReader(
  deps: ReadRequestDependencies & { screen: Screen },
  limits: RequestLimits,
): ReadMultipart {
  const { maxFileSize: maxSize, maxFiles } = limits;
  const maxRequestSize = maxFiles * maxSize + framing;
  const multipartLimits = { ...defaultMultipartLimits, ...limits, minBytesPerSecond, maxRequestSize };
  return (request, { organizationId }) =>
    processMultipart<Intake>(request, multipartLimits, {
      screen: (operation) => deps.screen(operation, true) !== null,
      receive: ({ stream: content, fileName, declaredType: declared }) => {
        const declaredType = declared === undeclared ? null : declared;
        return measured(deps.uploadMeter, 'multipart', () =>
          intakeFromStream(deps, { organizationId, content, maxSize, fileName, declaredType }),
        );
      },
      discard: (intake) => discardIntake(deps, intake),
    });
}

/** Long strings among the variables of a JSON body are content: they are taken in like files, if the viewer may write. */
export function createJsonReader(deps: ReadRequestDependencies, limits: RequestLimits): ReadJson {
  const { maxFileSize: maxSize, maxFiles } = limits;
  const maxRequestSize = maxJsonRequestSize(maxFiles, maxSize);
  const jsonLimits = { ...defaultJsonBodyLimits, ...limits, minBytesPerSecond, maxRequestSize };
  return async (request, viewer) => {
    const body = await readJsonBody<TakenText>(request, jsonLimits, {
      receive: async (source) => {
        const { organizationId } = assertPermitted(viewer, contentNeed);
        const encoding = encodingOf(source);
        return measureFailure(deps.uploadMeter, encoding, async () => {
          const taken = await orFault(
            intakeFromText(deps, { organizationId, encoding, text: source.text, maxSize }),
          );
          if ('intake' in taken) deps.uploadMeter.onStored(encoding, taken.intake.size);
          return taken;
        });
      },
      discard: async (taken) => {
        if ('intake' in taken) await discardIntake(deps, taken.intake);
      },
    });
    return { ...body, taken: body.taken.flatMap((taken) => ('intake' in taken ? [taken.intake] : [])) };
  };
}

function measured(meter: UploadMeter, door: Door, take: () => Promise<Intake>): Promise<Intake> {
  return measureFailure(meter, door, async () => {
    const intake = await take();
    meter.onStored(door, intake.size);
    return intake;
  });
}

async function orFault(taking: Promise<Intake>): Promise<TakenText> {
  try {
    return { intake: await taking };
  } catch (error) {
    if (error instanceof InvalidBase64) return { fault: error };
    throw error;
  }
}

/** By the member of the input that it is; a variable of its own, whatever its name, is what it begins like. */
function encodingOf({ kind, path }: Pick<LongTextSource, 'kind' | 'path'>): TextEncoding {
  const member = path.at(-1);
  if (path.length === 2) return kind;
  if (member === 'base64' || member === 'dataUrl') return member;
  throw textTooLong(path.slice(1));
}
