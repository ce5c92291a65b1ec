import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import type { S3Location } from '../config/integration-settings.js';
import { AttachmentError } from '../errors.js';
import { AlreadyStored } from './storage.js';

/** In milliseconds, of one of three attempts. */
export interface StoreTimeouts {
  /** Until there is a connection. */
  connection: number;
  /** A connection on which something is awaited may be silent so long. */
  silence: number;
}

export const usualTimeouts: StoreTimeouts = { connection: 5_000, silence: 20_000 };
/** Connections at once; further requests wait for one as for any connection. */
const maxSockets = 128;
const maxReadingSockets = 1_000;

/** For everything but the contents of objects. */
export function createS3Client(location: S3Location, timeouts = usualTimeouts): S3Client {
  return new S3Client({
    ...addressOf(location),
    requestHandler: {
      connectionTimeout: timeouts.connection,
      socketTimeout: timeouts.silence,
      ...agents(maxSockets),
    },
  });
}

/**
 * For the contents of objects, so that clients who are slow to take them, and hold their connections, keep nobody else from
 * the store. Once an answer has begun its connection may be silent: it is the client then who pauses.
 */
export function createReadingClient(location: S3Location, timeouts = usualTimeouts): S3Client {
  return new S3Client({
    ...addressOf(location),
    requestHandler: {
      connectionTimeout: timeouts.connection,
      requestTimeout: timeouts.silence,
      throwOnRequestTimeout: true,
      socketTimeout: 0,
      ...agents(maxReadingSockets),
    },
  });
}

function agents(maxSockets: number) {
  const sockets = { maxSockets, keepAlive: true };
  return { httpAgent: sockets, httpsAgent: sockets };
}

function addressOf(location: S3Location): S3ClientConfig {
  const { accessKeyId, secretAccessKey, endpoint, region, pathStyle } = location;
  return {
    region,
    credentials: { accessKeyId, secretAccessKey },
    forcePathStyle: pathStyle,
    ...(endpoint === null ? {} : { endpoint }),
    // Not every compatible store knows the newer checksums; ours are taken of the bytes themselves.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    maxAttempts: 3,
    logger: { debug() {}, info() {}, warn() {}, error() {} },
  };
}

/** Asks the store; whatever it, or the way to it, fails with becomes STORAGE_UNAVAILABLE. */
export async function onStore<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw toStoreFault(error);
  }
}

export function toStoreFault(error: unknown): Error {
  return error instanceof AttachmentError || error instanceof AlreadyStored
    ? error
    : new AttachmentError('STORAGE_UNAVAILABLE', { cause: error });
}

/** Null where the store has no such object, or no such multipart upload. */
export function nullWhereMissing<T>(answer: Promise<T>): Promise<T | null> {
  return nullWhere(isMissing, answer);
}

/** Null where the object that a request names with its tag is not there, or is another by now. */
export function nullWhereChanged<T>(answer: Promise<T>): Promise<T | null> {
  return nullWhere((error) => isMissing(error) || nameOf(error) === 'PreconditionFailed', answer);
}

async function nullWhere<T>(isExpected: (error: unknown) => boolean, answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (isExpected(error)) return null;
    throw error;
  }
}

/** A bucket that is not there is no missing object: it is a fault. */
const isMissing = (error: unknown) => ['NoSuchKey', 'NotFound', 'NoSuchUpload'].includes(nameOf(error));

const nameOf = (error: unknown) => (error instanceof Error ? error.name : '');
