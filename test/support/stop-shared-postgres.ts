import { stopShared } from './shared-postgres.js';

export default stopShared;
