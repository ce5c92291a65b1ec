import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { ConfigError, loadConfig } from '../config/config.js';
import { assertOwnUser, findSmallFile, readSmall, readSmallFile, unreadable } from '../config/files.js';
import { type ErasureContents, type ReceiptContents, verifyReceipt } from '../receipts/receipt.js';
import {
  type PublicKey,
  type ReceiptKeys,
  readPublicKeys,
  receiptKeysFile,
  rotateReceiptKeys,
} from '../receipts/receipt-keys.js';
import { configuredReceiptKeys } from '../wiring/open-stores.js';
import { describeFault } from './output.js';

export interface VerifyReceiptOptions {
  keys?: string;
  content?: string;
  json?: boolean;
}

/** Exit codes. */
const exitStatus = { genuine: 0, tampered: 1, notRun: 2, unknownKey: 3 } as const;

/** Resolves with the exit code. */
export async function verify(file: string, options: VerifyReceiptOptions): Promise<number> {
  try {
    const receipt = (
      file === '-' ? await readSmall(process.stdin, 'The standard input') : await readSmallFile(file)
    ).trim();
    const found = await verifyReceipt(receipt, await readKeys(options.keys));
    if (found.verdict === 'unknown') {
      return refuse(
        `None of the keys has signed it: it names the key ${JSON.stringify(found.kid)}.`,
        'unknownKey',
      );
    }
    if (found.verdict === 'tampered') return refuse('It is no genuine receipt.', 'tampered');
    print(found.contents, options.json === true);
    const { content } = options;
    if (content === undefined || (await isContent(content, found.contents))) {
      return exitStatus.genuine;
    }
    return refuse(`${content} is not what the receipt is for.`, 'tampered');
  } catch (error) {
    return refuse(describeFault(error), 'notRun');
  }
}

/** Prints the public keys as `/.well-known/jwks.json` shows them. */
export async function printKeys(): Promise<void> {
  const { known } = await readExistingKeys();
  process.stdout.write(`${JSON.stringify({ keys: known })}\n`);
}

/** Prints the name of the new key. Throws ConfigError where the keys are in a file of the operator's. */
export async function rotate(): Promise<void> {
  const config = loadConfig(process.env);
  if (config.receiptKeysFile !== null) {
    throw new ConfigError(['RECEIPT_KEYS_FILE: put the new key first in this file yourself']);
  }
  await readExistingKeys();
  await assertOwnUser(join(config.dataDirectory, receiptKeysFile));
  const kid = await rotateReceiptKeys(config.dataDirectory);
  process.stdout.write(`${kid} signs receipts from the next start of the service on.\n`);
}

async function readKeys(path: string | undefined): Promise<readonly PublicKey[]> {
  if (path !== undefined) return readPublicKeys(path);
  return (await readExistingKeys()).known;
}

/** Makes none: in a wrong folder that would pass for keys that have signed nothing. */
async function readExistingKeys(): Promise<ReceiptKeys> {
  const config = loadConfig(process.env);
  const path = join(config.dataDirectory, receiptKeysFile);
  if (config.receiptKeysFile === null && (await findSmallFile(path)) === null) {
    throw new ConfigError([`DATA_DIR: there are no keys of receipts in ${config.dataDirectory}`]);
  }
  return configuredReceiptKeys(config);
}

function refuse(message: string, status: keyof typeof exitStatus): number {
  process.stderr.write(`${message}\n`);
  return exitStatus[status];
}

function print(contents: ReceiptContents | ErasureContents, isJson: boolean): void {
  if (isJson) {
    process.stdout.write(`${JSON.stringify(contents)}\n`);
    return;
  }
  if (contents.event === 'erased') {
    printRows(contents);
    return;
  }
  const { attachment, deletedAt, deletedBy, expiresAt, event, iat, iss } = contents;
  const rows = {
    event,
    ...attachment,
    deletedAt,
    deletedBy,
    expiresAt,
    signedAt: new Date(iat * 1_000).toISOString(),
    by: iss,
  };
  printRows(rows);
}

function printRows(rows: object): void {
  for (const [name, value] of Object.entries(rows)) {
    if (value !== undefined) process.stdout.write(`${name.padEnd(16)}${JSON.stringify(value)}\n`);
  }
}

async function isContent(path: string, contents: ReceiptContents | ErasureContents): Promise<boolean> {
  if (contents.event === 'erased') return false;
  const { attachment } = contents;
  const hash = createHash('sha256');
  let size = 0;
  try {
    for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
      hash.update(chunk);
      size += chunk.length;
    }
  } catch (cause) {
    throw unreadable(path, cause);
  }
  return size === attachment.size && hash.digest('hex') === attachment.sha256;
}
