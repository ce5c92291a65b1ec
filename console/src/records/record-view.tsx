import { type FormEvent, useEffect, useState } from 'react';
import { Button, Form, Input, Label, TextField } from 'react-aria-components';
import { Fault } from '../answer-state';
import type { Api, RefusedError } from '../api';
import type { PageProps } from '../pages';
import type { RecordRef } from '../record-ref';
import { ShowQuery } from '../show-query';
import { useUploads } from '../uploads/uploads-provider';
import { refusalFrom, useAnswer } from '../use-answer';
import { useChanges } from '../use-changes';
import { FieldView } from './field-view';
import { ArchiveDocument, FieldDocument, type FieldFragment, RecordDocument } from './graphql';
import { Unlinked } from './unlinked';
import { useRecordWords } from './words';

/** The fields of one record, and what no field of it holds any more. Changes of others are seen as they happen. */
export function RecordView({ api, viewer, record }: PageProps & { record: RecordRef }) {
  const { say } = useRecordWords();
  const mayWrite = viewer.permissions.includes('attachments:write');
  const { type, id } = record;
  const { data, error, isLoading, refresh } = useAnswer(api, RecordDocument, record);
  const [begun, setBegun] = useState<readonly FieldFragment[]>([]);
  useChanges(api, { record }, refresh);
  const { settled } = useUploads();
  useEffect(() => {
    if (settled > 0) refresh();
  }, [settled, refresh]);
  const known = data?.record.fields ?? [];
  const fields = [...known, ...begun.filter(({ name }) => !known.some((field) => field.name === name))];
  const begin = async (name: string) => {
    const { field } = (await api.ask(FieldDocument, { ...record, field: name })).record;
    setBegun((last) => [...last.filter((one) => one.name !== name), field]);
  };
  return (
    <>
      <div className="panel-head">
        <h2>
          <bdi>{type}</bdi> <bdi>{id}</bdi>
        </h2>
        <div className="buttons">
          {fields.length > 0 && <ArchiveButton api={api} record={record} field={null} />}
          <ShowQuery document={RecordDocument} variables={record} />
        </div>
      </div>
      <Fault error={error} onRetry={refresh} />
      {isLoading && <p className="notice">{say('loading')}</p>}
      {!isLoading && !error && fields.length === 0 && <p className="notice">{say('noFields')}</p>}
      {fields.map((field) => (
        <FieldView
          key={field.id}
          {...{ api, record, field, mayWrite }}
          onChanged={refresh}
          archive={<ArchiveButton api={api} record={record} field={field.name} />}
        />
      ))}
      {mayWrite && data && <NewField isFirst={fields.length === 0} begin={begin} />}
      {data && (
        <Unlinked
          {...{ api, record, mayWrite }}
          fields={fields}
          turn={known.map(({ name, version }) => `${name} ${version}`).join(' ')}
          onChanged={refresh}
        />
      )}
    </>
  );
}

interface ArchiveProps {
  api: Api;
  record: RecordRef;
  /** Null: all that the record has claimed or links to. */
  field: string | null;
}

/** Downloads the approved files. The URL is made when it is wanted, since it lives for minutes only. */
function ArchiveButton({ api, record, field }: ArchiveProps) {
  const { say } = useRecordWords();
  const [error, setError] = useState<RefusedError | null>(null);
  const save = () => {
    setError(null);
    api.ask(ArchiveDocument, { ...record, field }).then(
      ({ record: { archiveUrl } }) => location.assign(archiveUrl),
      (refusal: unknown) => setError(refusalFrom(refusal)),
    );
  };
  return (
    <>
      <Button onPress={save} aria-label={field === null ? say('archiveAll') : `${say('archive')}: ${field}`}>
        {say(field === null ? 'archiveAll' : 'archive')}
      </Button>
      <Fault error={error} />
    </>
  );
}

function NewField({ isFirst, begin }: { isFirst: boolean; begin: (name: string) => Promise<void> }) {
  const { say } = useRecordWords();
  const [name, setName] = useState(isFirst ? 'attachments' : '');
  const [error, setError] = useState<RefusedError | null>(null);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setError(null);
    begin(name.trim()).then(
      () => setName(''),
      (refusal: unknown) => setError(refusalFrom(refusal)),
    );
  };
  return (
    <Form className="tools" onSubmit={submit}>
      <TextField value={name} onChange={setName} isRequired maxLength={255}>
        <Label>{say('anotherField')}</Label>
        <Input />
      </TextField>
      <Button type="submit">{say('openField')}</Button>
      <Fault error={error} />
    </Form>
  );
}
