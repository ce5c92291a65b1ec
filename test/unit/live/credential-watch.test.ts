import { AttachmentError } from '../../../src/errors.js';
import { CredentialWatch } from '../../../src/graphql/subscriptions/open-session.js';

test('a credential whose issuer does not answer keeps the end of no other from being told', async () => {
  const authenticate = async (authorization: string) => {
    if (authorization === 'hanging') await new Promise(() => undefined);
    throw new AttachmentError('UNAUTHENTICATED');
  };
  const watch = new CredentialWatch({ authenticate });
  const letGo = watch.hold('hanging', () => undefined);
  await new Promise<void>((resolve) => {
    const end = watch.hold('over', () => {
      end();
      resolve();
    });
  });
  letGo();
});
