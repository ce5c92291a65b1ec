import { stopShared } from './shared-ceph.js';

export default stopShared;
