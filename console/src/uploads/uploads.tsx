import { type Attachment, ClaimcheckError } from 'claimcheck/client';
import type { UploadItem, Uploads as UploadList } from 'claimcheck/react';
import { useState } from 'react';
import { Button, Label, ProgressBar } from 'react-aria-components';
import type { Api } from '../api';
import { CopyButton } from '../copy-button';
import { PlaceLink } from '../place-link';
import { useVerdicts } from './use-verdicts';
import { useUploadsWords } from './words';
import './uploads.css';

interface UploadsProps {
  uploads: UploadList;
  api: Api;
  onVerdict: () => void;
}

/** The queue shows so many; there may be thousands. */
const shown = 50;

const rank: readonly UploadItem['state'][] = ['failed', 'uploading', 'aborted', 'waiting', 'done'];

/** Files that are on their way, and the outcome of the others. */
export function Uploads({ uploads, api, onVerdict }: UploadsProps) {
  const { say, number } = useUploadsWords();
  const [isSmall, setSmall] = useState(false);
  const { items, isUploading } = uploads;
  const seen = items
    .toSorted((one, other) => rank.indexOf(one.state) - rank.indexOf(other.state))
    .slice(0, shown);
  const stored = seen.flatMap(({ attachment }) => attachment ?? []);
  const verdicts = useVerdicts(api, stored, onVerdict);
  const done = items.filter(({ state }) => state === 'done').length;
  const paused = items.filter(({ state }) => state === 'aborted');
  const underWay = items.filter(({ state }) => state === 'waiting' || state === 'uploading');
  return (
    <section className="uploads" aria-label={say('uploads')}>
      <div className="panel-head">
        <h2>
          {say('uploads')} {number(done)} / {number(items.length)}
        </h2>
        <Button aria-expanded={!isSmall} onPress={() => setSmall(!isSmall)}>
          {say(isSmall ? 'showList' : 'hideList')}
        </Button>
      </div>
      <div className="buttons">
        {underWay.length > 1 && (
          <Button onPress={() => underWay.map(({ id }) => uploads.abort(id))}>{say('pauseAll')}</Button>
        )}
        {paused.length > 1 && (
          <Button onPress={() => paused.map(({ id }) => uploads.retry(id))}>{say('resumeAll')}</Button>
        )}
        {!isUploading && <Button onPress={uploads.clear}>{say('clear')}</Button>}
      </div>
      {!isSmall && (
        <ul>
          {seen.map((item) => (
            <li key={item.id}>
              <Item item={item} uploads={uploads} verdicts={verdicts} />
            </li>
          ))}
        </ul>
      )}
      {!isSmall && items.length > shown && (
        <p>
          {number(items.length - shown)} {say('further')}
        </p>
      )}
    </section>
  );
}

interface ItemProps {
  item: UploadItem;
  uploads: UploadList;
  verdicts: ReturnType<typeof useVerdicts>;
}

function Item({ item, uploads, verdicts }: ItemProps) {
  const { say, bytes } = useUploadsWords();
  const { id, state, sent, total, attachment, error } = item;
  const { record, field } = item.place;
  const name = 'name' in item.file ? item.file.name : '';
  const isUnderWay = state === 'waiting' || state === 'uploading';
  const labelled = (word: 'pause' | 'resume' | 'retry' | 'cancel') => `${say(word)}: ${name}`;
  return (
    <>
      <ProgressBar value={sent} maxValue={Math.max(1, total)}>
        {({ percentage = 0 }) => (
          <>
            <Label>
              <bdi>{name}</bdi>
            </Label>
            <span>
              {say(state)} · {state === 'done' ? bytes(total) : `${bytes(sent)} / ${bytes(total)}`}
              {record && (
                <>
                  {' · '}
                  <bdi>
                    {record.type} {record.id}, {field}
                  </bdi>
                </>
              )}
            </span>
            <progress aria-hidden="true" max={100} value={state === 'done' ? 100 : percentage} />
          </>
        )}
      </ProgressBar>
      <div className="buttons">
        {isUnderWay && (
          <Button aria-label={labelled('pause')} onPress={() => uploads.abort(id)}>
            {say('pause')}
          </Button>
        )}
        {state === 'aborted' && (
          <Button aria-label={labelled('resume')} onPress={() => uploads.retry(id)}>
            {say('resume')}
          </Button>
        )}
        {state === 'failed' && (
          <Button aria-label={labelled('retry')} onPress={() => uploads.retry(id)}>
            {say('retry')}
          </Button>
        )}
        {state !== 'done' && (
          <Button aria-label={labelled('cancel')} onPress={() => uploads.remove(id)}>
            {say('cancel')}
          </Button>
        )}
      </div>
      {state === 'failed' && (
        <p className="fault" role="alert">
          {faultOf(error)}
        </p>
      )}
      {attachment && (
        <Stored attachment={attachment} status={verdicts.get(attachment.id) ?? attachment.status} />
      )}
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
function Stored({ attachment, status }: { attachment: Attachment; status: Attachment['status'] }) {
  const { say } = useUploadsWords();
  const { id, sha256 } = attachment;
  return (
    <p className="stored">
      <span className={`status ${status}`}>{say(status)}</span>{' '}
      <PlaceLink to={{ page: null, file: id, tab: null }}>
        <code>SHA-256 {sha256.slice(0, 16)}…</code>
      </PlaceLink>{' '}
      <CopyButton name={`SHA-256, ${attachment.fileName}`} text={sha256} />
    </p>
  );
}
