import { startShared } from './build/test/support/shared-postgres.js';

/** One PostgreSQL server for all test files that want one. */
export default startShared;
