import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A new, empty folder below the system's temporary one; whoever makes it removes it. */
export const makeTemporaryDirectory = () => mkdtemp(join(tmpdir(), 'claimcheck-'));
