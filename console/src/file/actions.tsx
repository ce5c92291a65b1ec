import { useState } from 'react';
import { Button } from 'react-aria-components';
import { Fault } from '../answer-state';
import { RefusedError } from '../api';
import { AskFirst } from '../ask-first';
import { isPlain } from '../place-link';
import { saveAs } from '../save-as';
import { refusalFrom } from '../use-answer';
import type { FilePartProps } from './file-panel';
import { DeleteDocument, DownloadDocument, ReceiptDocument, RestoreDocument } from './graphql';
import { useFileWords } from './words';

/** Download, receipt, trash. Without a trash a file is gone once it is deleted. */
export function Actions({ api, file, mayWrite, onChanged, onGone }: FilePartProps) {
  const { say } = useFileWords();
  const [error, setError] = useState<RefusedError | null>(null);
  const { id, fileName, deletedAt } = file;
  const attempt = (work: () => Promise<unknown>) => () => {
    setError(null);
    work().catch((refusal: unknown) => setError(refusalFrom(refusal)));
  };
  // The link that is shown lives for minutes only, and the page may be open for longer.
  const download = async () => {
    const { attachment } = await api.ask(DownloadDocument, { id });
    if (!attachment?.downloadUrl) throw new RefusedError(say('notFound'), 'NOT_FOUND');
    location.assign(attachment.downloadUrl);
  };
  const saveReceipt = async () => {
    const { attachment } = await api.ask(ReceiptDocument, { id });
    if (attachment) saveAs(new Blob([attachment.receipt], { type: 'application/jose' }), `${fileName}.jws`);
  };
  const restore = async () => {
    await api.change(RestoreDocument, { id });
    onChanged();
  };
  const erase = (permanently: boolean) => async () => {
    await api.change(DeleteDocument, { id, permanently });
    const left = await api.ask(DownloadDocument, { id }).catch(() => null);
    if (left && !left.attachment) onGone();
    else onChanged();
  };
  return (
    <>
      <div className="buttons">
        {file.downloadUrl && (
          <a
            className="button primary"
            href={file.downloadUrl}
            onClick={(event) => {
              if (!isPlain(event)) return;
              event.preventDefault();
              attempt(download)();
            }}
          >
            {say('download')}
          </a>
        )}
        <Button onPress={attempt(saveReceipt)}>{say('receipt')}</Button>
        {mayWrite && deletedAt !== null && <Button onPress={attempt(restore)}>{say('restore')}</Button>}
        {mayWrite && deletedAt === null && (
          <AskFirst label={say('delete')} title={say('deleteTitle')} onConfirm={erase(false)}>
            <p>
              <bdi>{fileName}</bdi>
            </p>
            <p>{say('deleteHint')}</p>
          </AskFirst>
        )}
        {mayWrite && deletedAt !== null && (
          <AskFirst label={say('deleteForGood')} title={say('deleteForGoodTitle')} onConfirm={erase(true)}>
            <p>
              <bdi>{fileName}</bdi>
            </p>
            <p>{say('deleteForGoodHint')}</p>
          </AskFirst>
        )}
      </div>
      <Fault error={error} />
    </>
  );
}
