import { useEffect, useRef, useState } from 'react';
import { Button } from 'react-aria-components';
import { Fault, PagesEnd } from '../answer-state';
import type { Api, RefusedError } from '../api';
import { PlaceLink } from '../place-link';
import type { RecordRef } from '../record-ref';
import { refusalFrom } from '../use-answer';
import { usePages } from '../use-pages';
import { type FieldFragment, LinkDocument, UnlinkedDocument } from './graphql';
import { useRecordWords } from './words';

interface UnlinkedProps {
  api: Api;
  record: RecordRef;
  fields: readonly FieldFragment[];
  mayWrite: boolean;
  /** Changes whenever a field of the record has changed. */
  turn: string;
  onChanged: () => void;
}

/** The files that the record owns and no field holds, with the end of their time. */
export function Unlinked({ api, record, fields, mayWrite, turn, onChanged }: UnlinkedProps) {
  const { say, bytes, instant } = useRecordWords();
  const { type, id } = record;
  const pages = usePages(JSON.stringify(record), async (after) => {
    const { attachments } = await api.ask(UnlinkedDocument, { record: { type, id }, first: 50, after });
    return attachments;
  });
  const [error, setError] = useState<RefusedError | null>(null);
  const { refresh } = pages;
  const seen = useRef(turn);
  useEffect(() => {
    if (seen.current !== turn) refresh();
    seen.current = turn;
  }, [turn, refresh]);
  const relink = (attachmentId: string, field: string) => {
    setError(null);
    api
      .change(LinkDocument, { input: { record, field, attachmentIds: [attachmentId], mode: 'ADD' } })
      .then(onChanged, (refusal: unknown) => setError(refusalFrom(refusal)));
  };
  return (
    <section className="field" aria-label={say('unlinked')}>
      <h3>{say('unlinked')}</h3>
      <Fault error={error} />
      <ul className="cards">
        {pages.items.map((file) => (
          <li key={file.id}>
            <p>
              <PlaceLink to={{ page: null, record: null, file: file.id }}>
                <bdi>{file.fileName}</bdi>
              </PlaceLink>{' '}
              <small>
                {bytes(file.size)} ·{' '}
                {file.expiresAt ? `${say('purgedOn')} ${instant(file.expiresAt)}` : say('keptForGood')}
              </small>
            </p>
            {mayWrite && (
              <div className="buttons">
                {fields.map(({ id: fieldId, name }) => (
                  <Button
                    key={fieldId}
                    aria-label={`${say('relink')} ${name}: ${file.fileName}`}
                    onPress={() => relink(file.id, name)}
                  >
                    {say('relink')} <bdi>{name}</bdi>
                  </Button>
                ))}
              </div>
            )}
          </li>
        ))}
      </ul>
      <PagesEnd pages={pages} empty={say('nothingUnlinked')} />
    </section>
  );
}
