import { createS3Storage } from '../../../src/storage/s3.js';
import { cephPackages } from '../../support/ceph.js';
import { createBucket, type S3Store } from '../../support/s3-store.js';
import { sharedStore } from '../../support/shared-ceph.js';
import { describeWithProgram } from '../../support/skip-without.js';
import { describeStorage } from '../../support/storage-contract.js';

describeWithProgram('radosgw', cephPackages, () => {
  let store: S3Store;
  beforeAll(async () => {
    store = await sharedStore();
  }, 120_000);

  describeStorage('a bucket', async () => ({
    storage: createS3Storage(await createBucket(store)),
    close: async () => {},
  }));
});
