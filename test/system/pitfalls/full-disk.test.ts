import { execFile, spawnSync } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { report } from '../../support/report.js';
import { describeWithProgram } from '../../support/skip-without.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';

const fixture = fileURLToPath(new URL('./full-disk.fixture.js', import.meta.url));

/** A namespace of its own for mounts: the small disk in it goes with its last process, whatever becomes of that. */
const isolation = process.geteuid?.() === 0 ? ['--mount'] : ['--mount', '--map-root-user'];
const mayMount = spawnSync('unshare', [...isolation, 'true']).status === 0;

const fine = { isQuick: true, nextRequest: 400, newRows: 0, isWhole: true };
const stored = { ...fine, upload: '200 stored', newFiles: 1, ready: 200 };
const refused = { ...fine, upload: '503 STORAGE_UNAVAILABLE', newFiles: 0, ready: 503 };

describeWithProgram(
  mayMount ? 'unshare' : 'unshare and the right to mount',
  'apt-get install util-linux, and run as root or allow unprivileged user namespaces',
  (unshare) => {
    test('a service whose disk is full refuses uploads, keeps nothing of them, does all else, and recovers', async () => {
      const directory = await makeTemporaryDirectory();
      try {
        const script = 'mount -t tmpfs -o size=128m,nr_inodes=100 tmpfs "$1" && exec "$2" "$3" "$1"';
        const { stdout } = await promisify(execFile)(unshare, [
          ...isolation,
          ...['sh', '-c', script, 'sh', directory, process.execPath, fixture],
        ]);
        const outcome = JSON.parse(stdout);
        expect(outcome).toEqual({
          withRoom: stored,
          withoutReserve: { ...refused, put: 503 },
          filledMeanwhile: refused,
          full: { ...refused, put: 503 },
          withoutNames: { ...refused, put: 503 },
          resumed: {
            refused: '503 STORAGE_UNAVAILABLE undefined',
            keepsFirst: true,
            status: 204,
            isWhole: true,
          },
          withRoomAgain: { ...stored, put: 201 },
        });
        report(
          `full disk: ${Object.keys(outcome).length} states of the disk, in each of them queries and downloads`,
        );
      } finally {
        await rm(directory, { recursive: true, force: true });
      }
    });
  },
);
