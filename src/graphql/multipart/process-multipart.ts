import type { IncomingMessage } from 'node:http';
import { type AttachmentError, errorTable, Faults } from '../../errors.js';
import { FormReader, type IncomingFile, type Part } from './form-reader.js';
import { type MultipartLimits, multipartFault, requestTooLarge, shortName } from './multipart-syntax.js';
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
 * unread (see `drainRequest`): INVALID_MULTIPART with its faults as details, TOO_MANY_FILES or REQUEST_TOO_LARGE with
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
    const slots = parseMap(await readField(form, 'map', limits.maxMapSize), body, limits);
    if (!(await handlers.screen(body))) return { body, taken: [] };
    await takeFiles(form, slots, handlers, taken);
    checkNoneMissing(slots, taken);
    placeUploads(slots, taken);
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
  slots: UploadPlaces,
  handlers: MultipartHandlers<T>,
  taken: Map<string, T>,
): Promise<void> {
  for (let part = await form.next(); part !== null; part = await form.next()) {
    const file = expectFile(part, slots, taken);
    taken.set(part.name, await handlers.receive(file, slots.size - taken.size));
    if (!file.whole && !file.stream.readableEnded && form.failure === null)
      throw new Error('A file was taken in without being read to its end.');
  }
}

function expectFile(part: Part, slots: UploadPlaces, taken: ReadonlyMap<string, unknown>): IncomingFile {
  const { name } = part;
  if (name === 'operations' || name === 'map' || taken.has(name)) throw duplicate(name);
  if (!slots.has(name))
    throw multipartFault([shortName(name)], 'part_unexpected', 'The map has no entry for this part.');
  if (part.kind === 'field')
    throw multipartFault(
      [name],
      'file_expected',
      'This part must be a file, with a file name or a content type.',
    );
  return part.file;
}

function duplicate(name: string): AttachmentError {
  return multipartFault([name], 'part_duplicate', 'There are two parts of this name.');
}

function checkNoneMissing(slots: UploadPlaces, taken: ReadonlyMap<string, unknown>): void {
  const faults = new Faults();
  for (const name of slots.keys())
    if (!taken.has(name)) faults.add('part_missing', ['map', name], 'There is no part of this name.');
  faults.throwIfAny(errorTable.INVALID_MULTIPART.message);
}
