import { createBucket } from './s3-store.js';
import { sharedStore } from './shared-ceph.js';
import { useBucket } from './test-storage.js';

/** For the tests of one process: what they start keeps its bytes in a bucket of the store that shared-ceph.ts has started. */
useBucket(await createBucket(await sharedStore()));
