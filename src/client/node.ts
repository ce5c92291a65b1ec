import { type Claimcheck, connect } from './claimcheck.js';
import { ClaimcheckError } from './client-error.js';
import type { ClaimcheckOptions } from './connection.js';
import { nodePlatform } from './node-platform.js';

/**
 * A client of one service, as one credential sees it.
 *
 * @example
 * const claimcheck = createClaimcheck({ url: 'https://files.example.org', credential: key });
 * const { id } = await claimcheck.upload('report.pdf', { record: { type: 'WorkPackage', id: '7' } });
 */
export const createClaimcheck = (options: ClaimcheckOptions): Claimcheck => connect(options, nodePlatform);

export { ClaimcheckError };
