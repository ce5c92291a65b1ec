import { createS3Storage } from '../../src/storage/s3.js';
import { type Ceph, cephPackages, startCeph } from '../support/ceph.js';
import { describeWithProgram } from '../support/skip-without.js';
import { describeStorage } from '../support/storage-contract.js';

describeWithProgram('radosgw', cephPackages, () => {
  let ceph: Ceph;
  beforeAll(async () => {
    ceph = await startCeph();
  }, 120_000);
  afterAll(() => ceph?.stop());

  describeStorage('a bucket', async () => ({
    storage: createS3Storage(await ceph.createBucket()),
    close: async () => {},
  }));
});
