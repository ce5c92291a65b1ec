import { type Claimcheck, connect } from '../claimcheck.js';
import { ClaimcheckError } from '../client-error.js';
import type { ClaimcheckOptions } from '../connection.js';
import { browserPlatform } from './browser-platform.js';

/** As in Node, with files that the page was given in the place of paths. */
export const createClaimcheck = (options: ClaimcheckOptions): Claimcheck => connect(options, browserPlatform);

export type * from '../claimcheck.js';
export type { ClaimcheckErrorCode, ClaimcheckErrorDetail } from '../client-error.js';
export type { ClaimcheckOptions } from '../connection.js';
export type { ResumeStore } from '../platform.js';
export type * from '../schema-types.js';
export type { Progress } from '../transfer.js';
export type { UploadOptions } from '../upload.js';
export type { WatchOptions, WatchTarget } from '../watch.js';
export { ClaimcheckError };
