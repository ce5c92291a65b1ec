import { stopShared } from './build/test/support/shared-postgres.js';

export default stopShared;
