import { execFile, spawnSync } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describeWithProgram } from '../../support/skip-without.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';

const fixture = fileURLToPath(new URL('./full-disk.fixture.js', import.meta.url));

/** A namespace of its own for mounts: the small disk in it goes with its last process, whatever becomes of that. */
const isolation = process.geteuid?.() === 0 ? ['--mount'] : ['--mount', '--map-root-user'];
const mayMount = spawnSync('unshare', [...isolation, 'true']).status === 0;

describeWithProgram(
  mayMount ? 'unshare' : 'unshare and the right to mount',
  'apt-get install util-linux, and run as root or allow unprivileged user namespaces',
  (unshare) => {
    test('a disk of 8 MiB that is full refuses, keeps nothing unfinished, and works again once there is room', async () => {
      const directory = await makeTemporaryDirectory();
      try {
        const script = 'mount -t tmpfs -o size=8m tmpfs "$1" && exec "$2" "$3" "$1"';
        const { stdout } = await promisify(execFile)(unshare, [
          ...isolation,
          ...['sh', '-c', script, 'sh', directory, process.execPath, fixture],
        ]);
        expect(JSON.parse(stdout)).toEqual({
          growing: { fault: 'STORAGE_UNAVAILABLE ENOSPC', told: true, whole: 8 * 2 ** 20 },
          faults: {
            upload: 'STORAGE_UNAVAILABLE ENOSPC',
            put3MiB: 'STORAGE_UNAVAILABLE ENOSPC',
            putPage: 'STORAGE_UNAVAILABLE ENOSPC',
            check: 'STORAGE_UNAVAILABLE ENOSPC',
          },
          left: { afterUpload: 0, afterPuts: 2, strangers: 0, unfinished: 0 },
          sizes: [3_000_000, 4096],
          afterwards: ['none', 'none'],
        });
      } finally {
        await rm(directory, { recursive: true, force: true });
      }
    });
  },
);
