// list.mjs: CLAIMCHECK_KEY=cck_… node list.mjs
import { ask } from './claimcheck.mjs';

const list = `query ($after: String) {
  record(type: "WorkPackage", id: "1") {
    attachments(first: 50, after: $after) {
      nodes { fileName size status downloadUrl(disposition: INLINE) }
      pageInfo { hasNextPage endCursor }
    }
  }
}`;

for (let after = null, isMore = true; isMore; ) {
  const { nodes, pageInfo } = (await ask(list, { after })).record.attachments;
  // Whoever has the downloadUrl can fetch the file for five minutes. It is null until the file is APPROVED.
  for (const { fileName, size, status, downloadUrl } of nodes)
    console.log(fileName, size, downloadUrl ?? status);
  ({ endCursor: after, hasNextPage: isMore } = pageInfo);
}
