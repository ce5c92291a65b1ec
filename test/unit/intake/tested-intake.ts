import { randomBytes, randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { type ContentSource, intakeFromStream } from '../../../src/intake/from-stream.js';
import { createHasher } from '../../../src/intake/hash-content.js';
import type { Intake } from '../../../src/intake/intake.js';
import { createMemoryStorage } from '../../../src/storage/memory.js';
import type { Storage } from '../../../src/storage/storage.js';
import { seededRandom } from '../../support/seeded-random.js';
import { hour, listed, mebibyte, partition } from '../../support/stored-objects.js';

export type Content = ContentSource['content'];

export const organizationId = randomUUID();
export const bytes = randomBytes(20 * mebibyte);
export const random = seededRandom();

/** Takes content in to a memory of its own. */
export class TestedIntake {
  storage: Storage = createMemoryStorage();
  readonly #hasher = createHasher();

  take(content: Content, source: Partial<ContentSource> = {}, signal?: AbortSignal): Promise<Intake> {
    return intakeFromStream(
      {
        storage: this.storage,
        hasher: this.#hasher,
        clock: () => hour,
        leases: { hold() {}, release: async () => {} },
        inlining: { maxSize: 0, reserved: null },
        quotas: { of: async () => null },
      },
      { organizationId, content, maxSize: 2 ** 30, fileName: 'a.txt', declaredType: 'text/plain', ...source },
      signal,
    );
  }

  async expectNothingLeft(): Promise<void> {
    expect(await listed(this.storage, partition)).toEqual([]);
    expect(await this.storage.removeUnfinished(partition, 0)).toBe(0);
  }

  close(): Promise<void> {
    return this.#hasher.close();
  }
}

export function* cutAtRandom(content: Buffer): Iterable<Buffer> {
  const largest = 2 ** random.integer(8, 21);
  for (let start = 0; start < content.length; ) {
    const end = start + random.integer(0, largest);
    yield content.subarray(start, end);
    start = end;
  }
}

/** Content without end, that counts what is taken of it. */
export class Endless extends Readable {
  pulled = 0;

  override _read(): void {
    this.pulled += 65_536;
    this.push(bytes.subarray(0, 65_536));
  }
}
