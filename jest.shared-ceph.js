import { startShared } from './build/test/support/shared-ceph.js';

/** One Ceph for all test files that want one. */
export default startShared;
