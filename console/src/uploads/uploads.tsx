import { type Attachment, ClaimcheckError } from 'claimcheck/client';
import type { UploadItem, Uploads as UploadList } from 'claimcheck/react';
import { useEffect, useState } from 'react';
import { Button, Label, ProgressBar } from 'react-aria-components';
import type { Api } from '../api';
import { go } from '../location';
import { useUploadsWords } from './words';
import './uploads.css';

/** Files that are on their way, and the outcome of the others. */
export function Uploads({
  uploads,
  api,
  onVerdict,
}: {
  uploads: UploadList;
  api: Api;
  onVerdict: () => void;
}) {
  const { say } = useUploadsWords();
  return (
    <section className="uploads" aria-label={say('uploads')}>
      <div className="panel-head">
        <h2>{say('uploads')}</h2>
        <Button onPress={uploads.clear}>{say('clear')}</Button>
      </div>
      <ul>
        {uploads.items.map((item) => (
          <li key={item.id}>
            <Item item={item} uploads={uploads} api={api} onVerdict={onVerdict} />
          </li>
        ))}
      </ul>
    </section>
  );
}

interface ItemProps {
  item: UploadItem;
  uploads: UploadList;
  api: Api;
  onVerdict: () => void;
}

function Item({ item, uploads, api, onVerdict }: ItemProps) {
  const { say, bytes } = useUploadsWords();
  const { id, state, sent, total, attachment, error } = item;
  const name = 'name' in item.file ? item.file.name : '';
  const isUnderWay = state === 'waiting' || state === 'uploading';
  return (
    <>
      <ProgressBar value={sent} maxValue={Math.max(1, total)}>
        {({ percentage = 0 }) => (
          <>
            <Label>
              <bdi>{name}</bdi>
            </Label>
            <span>
              {say(state)} · {bytes(isUnderWay ? sent : total)}
            </span>
            <progress aria-hidden="true" max={100} value={state === 'done' ? 100 : percentage} />
          </>
        )}
      </ProgressBar>
      {isUnderWay && <Button onPress={() => uploads.abort(id)}>{say('cancel')}</Button>}
      {(state === 'failed' || state === 'aborted') && (
        <Button onPress={() => uploads.retry(id)}>{say('retry')}</Button>
      )}
      {state === 'failed' && (
        <p className="fault" role="alert">
          {faultOf(error)}
        </p>
      )}
      {attachment && <Stored attachment={attachment} api={api} onVerdict={onVerdict} />}
    </>
  );
}

/** Every fault that the service names, with its limit. */
function faultOf(error: unknown): string {
  if (!(error instanceof ClaimcheckError)) return String(error);
  const faults = error.details.map(({ msg }) => msg);
  return faults.length === 0 ? error.message : faults.join(' ');
}

/** The digest, and the verdict as soon as there is one. */
function Stored({ attachment, api, onVerdict }: { attachment: Attachment; api: Api; onVerdict: () => void }) {
  const { say } = useUploadsWords();
  const [status, setStatus] = useState(attachment.status);
  useEffect(() => {
    if (attachment.status !== 'PENDING') return undefined;
    const stop = new AbortController();
    const read = async () => {
      const found = await api.claimcheck.get(attachment.id, { signal: stop.signal });
      if (!found || found.status === 'PENDING') return;
      setStatus(found.status);
      onVerdict();
      stop.abort();
    };
    const tell = () => void read().catch(() => undefined);
    const watching = api.claimcheck.watch(
      { attachmentId: attachment.id },
      { signal: stop.signal, onConnect: tell },
    );
    void (async () => {
      for await (const _ of watching) tell();
    })().catch(() => undefined);
    return () => stop.abort();
  }, [api, attachment, onVerdict]);
  return (
    <p className="stored">
      <span className={`status ${status}`}>{say(status)}</span>{' '}
      <Button className="link" onPress={() => go({ file: attachment.id })}>
        <code>SHA-256 {attachment.sha256.slice(0, 16)}…</code>
      </Button>
    </p>
  );
}
