/** apollo-upload-client describes itself by JSDoc alone. */
declare module 'apollo-upload-client/UploadHttpLink.mjs' {
  import type { ApolloLink } from '@apollo/client';

  const UploadHttpLink: new (options: { uri: string; headers: Record<string, string> }) => ApolloLink;
  export default UploadHttpLink;
}
