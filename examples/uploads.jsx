// uploads.jsx: the files of a record, and uploads into it, for a page with <main data-claimcheck="https://files.example.org">
import { createClaimcheck } from 'claimcheck/client';
import { useAttachments, useUpload } from 'claimcheck/react';
import { createRoot } from 'react-dom/client';

const main = document.querySelector('main');
// Your server knows who is logged in, and answers with a token that is good for some minutes.
const credential = async () => (await fetch('/token')).text();
const claimcheck = createClaimcheck({ url: main.dataset.claimcheck, credential });
const place = { record: { type: 'WorkPackage', id: '1' }, field: 'files' };

function Upload({ item, abort, retry }) {
  const { id, file, state, sent, total, error } = item;
  return (
    <li data-state={state}>
      {file.name} <progress value={sent} max={total} /> {error?.message}
      {state === 'uploading' && (
        <button type="button" onClick={() => abort(id)}>
          Stop
        </button>
      )}
      {(state === 'failed' || state === 'aborted') && (
        <button type="button" onClick={() => retry(id)}>
          Again
        </button>
      )}
    </li>
  );
}

function Files() {
  const { items, upload, abort, retry } = useUpload(claimcheck, place);
  const { attachments, isLoading } = useAttachments(claimcheck, place);
  return (
    <>
      <input type="file" multiple onChange={({ target }) => upload(target.files)} />
      <ul className="uploads">
        {items.map((item) => (
          <Upload key={item.id} item={item} abort={abort} retry={retry} />
        ))}
      </ul>
      <ul className="files" aria-busy={isLoading}>
        {attachments.map(({ id, fileName, size }) => (
          <li key={id}>
            {fileName}, {size} bytes
          </li>
        ))}
      </ul>
    </>
  );
}

createRoot(main).render(<Files />);
