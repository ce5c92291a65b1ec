import { useState } from 'react';
import { Button, Label, TextArea, TextField } from 'react-aria-components';
import { Fault, PagesEnd } from '../answer-state';
import type { Api, RefusedError } from '../api';
import { AskFirst } from '../ask-first';
import { Choice } from '../choice';
import type { Place } from '../location';
import type { PageProps } from '../pages';
import { PlaceLink } from '../place-link';
import { refText } from '../record-ref';
import { ShowQuery } from '../show-query';
import { refusalFrom } from '../use-answer';
import { usePages } from '../use-pages';
import {
  type AttachmentFilter,
  RefusedDocument,
  type RefusedQuery,
  ReleaseDocument,
  RescanDocument,
} from './graphql';
import { useQuarantineWords } from './words';

type Refused = RefusedQuery['attachments']['nodes'][number];

const pageSize = 50;

function filterOf({ status }: Place): AttachmentFilter {
  const both = ['REJECTED', 'SCAN_FAILED'] as const;
  const chosen = both.find((one) => one === status);
  return { status: chosen ? [chosen] : [...both] };
}

/** The files that the checks have refused, or could not judge. */
export function QuarantinePage({ api, viewer, place }: PageProps) {
  const { say } = useQuarantineWords();
  const filter = filterOf(place);
  const variables = { filter, first: pageSize };
  const pages = usePages(
    JSON.stringify(filter),
    async (after) => (await api.ask(RefusedDocument, { ...variables, after })).attachments,
  );
  const may = (permission: string) => viewer.permissions.includes(permission);
  return (
    <div className="page">
      <div className="tools">
        <Choice
          label={say('status')}
          value={place['status'] ?? 'all'}
          choices={{ all: say('all'), REJECTED: say('REJECTED'), SCAN_FAILED: say('SCAN_FAILED') }}
          name="status"
          none="all"
        />
        <Button onPress={pages.refresh}>{say('readAgain')}</Button>
        <ShowQuery document={RefusedDocument} variables={variables} />
      </div>
      <ul className="cards" aria-label={say('quarantine')}>
        {pages.items.map((file) => (
          <li key={file.id}>
            <RefusedFile
              {...{ api, file }}
              mayRescan={may('attachments:write')}
              mayRelease={may('attachments:admin')}
              onChanged={pages.refresh}
            />
          </li>
        ))}
      </ul>
      <PagesEnd pages={pages} empty={say('nothingRefused')} />
    </div>
  );
}

interface RefusedFileProps {
  api: Api;
  file: Refused;
  mayRescan: boolean;
  mayRelease: boolean;
  onChanged: () => void;
}

function RefusedFile({ api, file, mayRescan, mayRelease, onChanged }: RefusedFileProps) {
  const { say } = useQuarantineWords();
  const { id, fileName } = file;
  const [state, setState] = useState<'asked' | RefusedError | null>(null);
  const rescan = () => {
    setState(null);
    api.change(RescanDocument, { id }).then(
      () => setState('asked'),
      (refusal: unknown) => setState(refusalFrom(refusal)),
    );
  };
  const release = async (form: FormData) => {
    await api.change(ReleaseDocument, { id, reason: String(form.get('reason')) });
    onChanged();
  };
  return (
    <>
      <h2>
        <PlaceLink to={{ page: null, status: null, file: id }}>
          <bdi>{fileName}</bdi>
        </PlaceLink>{' '}
        <span className={`status ${file.status}`}>{say(file.status)}</span>
      </h2>
      <Reason file={file} />
      <Facts file={file} />
      <div className="buttons">
        {mayRescan && (
          <Button onPress={rescan} aria-label={`${say('rescan')}: ${fileName}`}>
            {say('rescan')}
          </Button>
        )}
        {mayRelease && (
          <AskFirst
            label={say('release')}
            name={`${say('release')}: ${fileName}`}
            title={say('releaseTitle')}
            onConfirm={release}
          >
            <p>
              <bdi>{fileName}</bdi>
            </p>
            <p>{say('releaseHint')}</p>
            <TextField name="reason" isRequired maxLength={1_000} autoFocus>
              <Label>{say('reason')}</Label>
              <TextArea rows={3} />
            </TextField>
          </AskFirst>
        )}
        {state === 'asked' && <p role="status">{say('rescanAsked')}</p>}
      </div>
      <Fault error={state === 'asked' ? null : state} />
    </>
  );
}

function Reason({ file: { rejection, status } }: { file: Refused }) {
  const { say, instant } = useQuarantineWords();
  if (!rejection) return <p className="fault">{say(status === 'SCAN_FAILED' ? 'noVerdict' : 'REJECTED')}</p>;
  return (
    <p className="fault">
      <strong>{say(rejection.reason)}</strong>: <bdi>{rejection.message}</bdi>
      {rejection.signature && (
        <>
          {' '}
          {say('signature')}: <code>{rejection.signature}</code>.
        </>
      )}{' '}
      <small>{instant(rejection.rejectedAt)}</small>
    </p>
  );
}

function Facts({ file: { contentType, size, createdAt, createdBy, record, expiresAt } }: { file: Refused }) {
  const { say, bytes, instant } = useQuarantineWords();
  return (
    <small>
      {contentType} · {bytes(size)} · {instant(createdAt)} · {say('by')}{' '}
      <bdi>{createdBy.name ?? createdBy.id}</bdi>
      {record && (
        <>
          {' · '}
          <PlaceLink
            to={{
              page: 'records',
              status: null,
              record: refText({ type: record.type, id: record.recordId }),
            }}
          >
            <bdi>{record.type}</bdi> <bdi>{record.recordId}</bdi>
          </PlaceLink>
        </>
      )}
      {expiresAt && ` · ${say('purgedOn')} ${instant(expiresAt)}`}
    </small>
  );
}
