import { type FormEvent, useMemo } from 'react';
import { Button, Form, Input, Label, TextField } from 'react-aria-components';
import { Fault } from '../answer-state';
import { go } from '../location';
import type { PageProps } from '../pages';
import { PlaceLink } from '../place-link';
import { type RecordRef, refOf, refText } from '../record-ref';
import { ShowQuery } from '../show-query';
import { useAnswer } from '../use-answer';
import { NewestLinkedDocument, NewestLinksDocument } from './graphql';
import { RecordView } from './record-view';
import { useRecordWords } from './words';
import './records.css';

/** A record that the address names, or a way to one. */
export function RecordsPage(props: PageProps) {
  const { say } = useRecordWords();
  const record = refOf(props.place);
  const mayAudit = props.viewer.permissions.includes('attachments:admin');
  return (
    <div className="page">
      <Finder record={record} />
      {record && <RecordView key={refText(record)} {...props} record={record} />}
      {!record && (
        <section aria-label={say('newestRecords')}>
          <h2>{say('newestRecords')}</h2>
          {mayAudit ? <LinkedLately {...props} /> : <NewestLinked {...props} />}
        </section>
      )}
    </div>
  );
}

function Finder({ record }: { record: RecordRef | null }) {
  const { say } = useRecordWords();
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const next = { type: String(form.get('type')).trim(), id: String(form.get('id')).trim() };
    if (next.type !== '' && next.id !== '') go({ record: refText(next) });
  };
  return (
    <search>
      <Form className="tools" onSubmit={submit} key={record ? refText(record) : ''}>
        <TextField name="type" defaultValue={record?.type ?? ''} isRequired maxLength={255}>
          <Label>{say('recordType')}</Label>
          <Input />
        </TextField>
        <TextField name="id" defaultValue={record?.id ?? ''} isRequired maxLength={255}>
          <Label>{say('recordId')}</Label>
          <Input />
        </TextField>
        <Button type="submit" className="primary">
          {say('find')}
        </Button>
        {record && <Button onPress={() => go({ record: null })}>{say('newestRecords')}</Button>}
      </Form>
    </search>
  );
}

const newest = 100;

/** The records of the newest links, as the audit tells. */
function LinkedLately({ api }: PageProps) {
  const variables = { first: newest };
  const { data, error, isLoading, refresh } = useAnswer(api, NewestLinksDocument, variables);
  const records = useMemo(
    () => data?.auditLog.nodes.flatMap(({ details }) => recordIn(details?.['record'])),
    [data],
  );
  return (
    <>
      <Fault error={error} onRetry={refresh} />
      <Records records={records} isLoading={isLoading} />
      <ShowQuery document={NewestLinksDocument} variables={variables} />
    </>
  );
}

function recordIn(value: unknown): RecordRef[] {
  if (typeof value !== 'object' || value === null || !('type' in value) || !('id' in value)) return [];
  return [{ type: String(value.type), id: String(value.id) }];
}

/** The records of the newest files that are linked: whoever may not read the audit sees these. */
function NewestLinked({ api }: PageProps) {
  const variables = { first: newest };
  const { data, error, isLoading, refresh } = useAnswer(api, NewestLinkedDocument, variables);
  const records = useMemo(
    () =>
      data?.attachments.nodes.flatMap(({ links }) =>
        links.nodes.map(({ record: { type, recordId } }) => ({ type, id: recordId })),
      ),
    [data],
  );
  return (
    <>
      <Fault error={error} onRetry={refresh} />
      <Records records={records} isLoading={isLoading} />
      <ShowQuery document={NewestLinkedDocument} variables={variables} />
    </>
  );
}

interface RecordsProps {
  /** Undefined until there is an answer: of a refusal nothing is known. */
  records: readonly RecordRef[] | undefined;
  isLoading: boolean;
}

function Records({ records, isLoading }: RecordsProps) {
  const { say } = useRecordWords();
  if (isLoading) return <p className="notice">{say('loading')}</p>;
  if (!records) return null;
  const distinct = new Map(records.map((record) => [refText(record), record]));
  if (distinct.size === 0) return <p className="notice">{say('noRecords')}</p>;
  return (
    <ul className="links">
      {[...distinct].map(([text, { type, id }]) => (
        <li key={text}>
          <PlaceLink to={{ record: text }}>
            <bdi>{type}</bdi> <bdi>{id}</bdi>
          </PlaceLink>
        </li>
      ))}
    </ul>
  );
}
