// client.mjs: CLAIMCHECK_KEY=cck_… node client.mjs <path of a file>
import { ClaimcheckError, createClaimcheck } from 'claimcheck/client';

const { CLAIMCHECK_URL = 'http://127.0.0.1:4000', CLAIMCHECK_KEY } = process.env;
const claimcheck = createClaimcheck({ url: CLAIMCHECK_URL, credential: CLAIMCHECK_KEY });

try {
  const { id, size, sha256 } = await claimcheck.upload(process.argv[2], {
    record: { type: 'WorkPackage', id: '1' },
    field: 'files',
    onProgress: ({ sent, total }) => console.log(`${sent} of ${total} bytes`),
  });
  console.log(id, size, sha256);
} catch (error) {
  if (!(error instanceof ClaimcheckError)) throw error;
  console.log(error.code, ...error.details.map(({ loc, msg }) => `${loc.join('.')}: ${msg}`));
}
