/** The package describes its types in JSDoc only. */
declare module 'apollo-upload-client/UploadHttpLink.mjs' {
  import type { ApolloLink } from '@apollo/client';

  const UploadHttpLink: new (options: { uri: string; headers: Record<string, string> }) => ApolloLink;
  // biome-ignore lint/style/noDefaultExport: it is how the package exports it.
  export default UploadHttpLink;
}
