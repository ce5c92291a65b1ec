import { stopShared } from './build/test/support/shared-ceph.js';

export default stopShared;
