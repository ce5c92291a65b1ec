import { Command } from 'commander';
import { jsonOption } from './output.js';
import type { VerifyReceiptOptions } from './receipt.js';

/** Loads the modules that `--help` does not need. */
const load = () => import('./receipt.js');

const explanation = `
Needs no service: the keys are those of DATA_DIR or RECEIPT_KEYS_FILE, or those in a file with what /.well-known/jwks.json
answered. Prints what the receipt says.

Exit status: 0 it is genuine, 1 it has been tampered with or the content is another one, 2 it could not be verified, 3 none of
the keys has signed it.`;

/** `claimcheck receipt …`, for auditors and for whoever keeps the keys. */
export function receiptCommand(): Command {
  const receipt = new Command('receipt').description(
    'Verify receipts of attachments, and rotate their keys.',
  );
  receipt
    .command('verify <file>')
    .description('Verify a receipt, in a file or from - (standard input).')
    .option('--keys <file>', 'the public keys, a JWK set; default: those of this service')
    .option('--content <file>', 'compare this file with what the receipt says')
    .option(...jsonOption)
    .addHelpText('after', explanation)
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
    .action(async (file: string, options: VerifyReceiptOptions) => {
      process.exitCode = await (await load()).verify(file, options);
    });
  receipt
    .command('keys')
    .description('Print the public keys as a JWK set.')
    .action(async () => (await load()).printKeys());
  receipt
    .command('rotate')
    .description('Sign with a new key from the next start on; earlier receipts stay genuine.')
    .action(async () => (await load()).rotate());
  return receipt;
}
