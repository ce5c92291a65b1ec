import type { IncomingMessage } from 'node:http';
import type { Viewer } from '../../auth/viewer.js';
import { type AttachmentError, errorTable, Faults } from '../../errors.js';
import { type IntakeDependencies, intakeFromStream } from '../../intake/from-stream.js';
import { type Door, measureFailure, type UploadMeter } from '../../intake/hash-content.js';
import { type DiscardIntakeDependencies, discardIntake, type Intake } from '../../intake/intake.js';
import { minBytesPerSecond } from '../../limits/pace.js';
import { keepSpan } from '../../tracing.js';
import type { Operation } from '../screen-operation.js';
import { FormReader, type IncomingFile, type Part } from './form-reader.js';
import {
  defaultMultipartLimits,
  type MultipartLimits,
  maxPartHeaderSize,
  multipartFault,
  requestTooLarge,
  shortName,
} from './multipart-syntax.js';
import {
  type GraphqlBody,
  parseMap,
  parseOperations,
  placeUploads,
  type UploadPlaces,
} from './parse-operations.js';
import { SmallForm } from './small-form.js';

/** Handlers of the files of a request. `T` is a file taken in, which resolvers get as the value of its Upload. */
export interface MultipartHandlers<T> {
  /**
   * Asked once operations and map are known to be well formed, before any file byte is read. False when the document
   * cannot be executed: no file is read, and the body is returned at once, its uploads null, for the executor to refuse.
   */
  screen(body: GraphqlBody): boolean | Promise<boolean>;
  /**
   * Takes one file in as it arrives; called for one at a time, in the order of the wire. `left` counts the files that are to come,
   * this one included. What it throws fails the request.
   */
  receive(file: IncomingFile, left: number): Promise<T>;
  /** Called for every file taken in when the request as a whole fails. */
  discard(taken: T): Promise<void>;
}

/** Parts one after the other, read as they arrive or there already. */
type Form = FormReader | SmallForm;

export interface MultipartRequest<T> {
  body: GraphqlBody;
  /** In the order of the wire. */
  taken: T[];
}

/**
 * Reads a GraphQL multipart request: `operations`, `map`, then the files that the map names.
 *
 * On success the whole body has been read, and the variables hold an `Upload` wherever the map says so. On failure it
 * rejects as soon as the fault is known, with everything taken in so far discarded, and leaves the rest of the body
 * unread (`drainRequest` of http/admit-request.ts takes it): INVALID_MULTIPART with its faults as details, TOO_MANY_FILES or REQUEST_TOO_LARGE with
 * their limit, or whatever `receive` or `screen` threw. A fault of type `timeout` is that of a client which sends too
 * slowly (408 in HTTP's terms): its connection is to be closed.
 */
export async function processMultipart<T>(
  request: IncomingMessage,
  limits: MultipartLimits,
  handlers: MultipartHandlers<T>,
): Promise<MultipartRequest<T>> {
  checkDeclaredLength(request, limits.maxRequestSize);
  const form = (await SmallForm.take(request)) ?? new FormReader(request, limits);
  const taken = new Map<string, T>();
  try {
    const body = parseOperations(await readField(form, 'operations', limits.maxOperationsSize));
    const places = parseMap(await readField(form, 'map', limits.maxMapSize), body, limits);
    if (!(await handlers.screen(body))) return { body, taken: [] };
    await takeFiles(form, places, handlers, taken);
    checkNoneMissing(places, taken);
    placeUploads(places, taken);
    return { body, taken: [...taken.values()] };
  } catch (error) {
    form.close();
    await Promise.allSettled([...taken.values()].map(async (file) => handlers.discard(file)));
    throw form.failure ?? error;
  } finally {
    form.close();
  }
}

function checkDeclaredLength(request: IncomingMessage, maxRequestSize: number): void {
  if (Number(request.headers['content-length'] ?? 0) > maxRequestSize)
    throw requestTooLarge(null, maxRequestSize);
}

async function readField(form: Form, name: 'operations' | 'map', maxSize: number): Promise<string> {
  const part = await form.next();
  if (part === null) throw multipartFault([name], 'part_missing', `The field "${name}" is missing.`);
  if (part.name !== name) throw outOfOrder(part, name);
  if (part.kind === 'file') throw multipartFault([name], 'field_expected', `"${name}" must not be a file.`);
  if (part.cut || Buffer.byteLength(part.text) > maxSize) throw requestTooLarge(name, maxSize);
  return part.text;
}

function outOfOrder(part: Part, expected: 'operations' | 'map'): AttachmentError {
  if (expected === 'map' && part.name === 'operations') return duplicate(part.name);
  const msg = `This part came where "${expected}" was due: the order is "operations", "map", files.`;
  return multipartFault([shortName(part.name)], 'part_out_of_order', msg);
}

async function takeFiles<T>(
  form: Form,
  places: UploadPlaces,
  handlers: MultipartHandlers<T>,
  taken: Map<string, T>,
): Promise<void> {
  for (let part = await form.next(); part !== null; part = await form.next()) {
    const file = expectFile(part, places, taken);
    taken.set(part.name, await handlers.receive(file, places.size - taken.size));
    if (!file.whole && !file.stream.readableEnded && form.failure === null)
      throw new Error('A file was taken in without being read to its end.');
  }
}

function expectFile(part: Part, places: UploadPlaces, taken: ReadonlyMap<string, unknown>): IncomingFile {
  const { name } = part;
  if (name === 'operations' || name === 'map' || taken.has(name)) throw duplicate(name);
  if (!places.has(name))
    throw multipartFault([shortName(name)], 'part_unexpected', 'The map has no entry for this part.');
  if (part.kind === 'field')
    throw multipartFault(
      [name],
      'file_expected',
      'This part must be a file: with a file name, or of type application/octet-stream.',
    );
  return part.file;
}

function duplicate(name: string): AttachmentError {
  return multipartFault([name], 'part_duplicate', 'There are two parts of this name.');
}

function checkNoneMissing(places: UploadPlaces, taken: ReadonlyMap<string, unknown>): void {
  const faults = new Faults();
  for (const name of places.keys())
    if (!taken.has(name)) faults.add('part_missing', ['map', name], 'There is no part of this name.');
  faults.throwIfAny(errorTable.INVALID_MULTIPART.message);
}

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

/** The content type of a part without one of its own. */
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
