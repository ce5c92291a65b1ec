import { type FormEvent, type ReactNode, useState } from 'react';
import { Button, FileTrigger, Form, Input, Label, TextField } from 'react-aria-components';
import { Fault } from '../answer-state';
import type { Api } from '../api';
import type { RecordRef } from '../record-ref';
import { useUploads } from '../uploads/uploads-provider';
import { ConflictDialog } from './conflict-dialog';
import { FieldList } from './field-list';
import type { FieldFragment } from './graphql';
import { useField } from './use-field';
import { useRecordWords } from './words';

interface FieldViewProps {
  api: Api;
  record: RecordRef;
  field: FieldFragment;
  mayWrite: boolean;
  archive: ReactNode;
  onChanged: () => void;
}

/** One field of a record: its files in order, and what can be done with them. */
export function FieldView({ api, record, field, mayWrite, archive, onChanged }: FieldViewProps) {
  const { say, number } = useRecordWords();
  const state = useField({ api, record, read: field, onChanged });
  const { upload } = useUploads();
  const take = (files: File[]) => upload(files, { record, field: field.name });
  const { maxCount } = field.policy;
  const count = number(state.files.length);
  return (
    <section className="field" aria-label={field.name} aria-busy={state.isSaving}>
      <div className="panel-head">
        <h3>
          <bdi>{field.name}</bdi>{' '}
          <small>{maxCount === null ? count : `${count} / ${number(maxCount)}`}</small>
        </h3>
        <div className="buttons">
          {state.files.length > 0 && archive}
          {mayWrite && (
            <FileTrigger allowsMultiple onSelect={(chosen) => take(Array.from(chosen ?? []))}>
              <Button aria-label={`${say('addFiles')}: ${field.name}`}>{say('addFiles')}</Button>
            </FileTrigger>
          )}
        </div>
      </div>
      <Fault error={state.error} />
      <FieldList name={field.name} state={state} mayWrite={mayWrite} onFiles={take} />
      {mayWrite && <LinkById name={field.name} add={state.add} />}
      {state.conflict && <ConflictDialog conflict={state.conflict} resolve={state.resolve} />}
    </section>
  );
}

/** Links files that are stored already. */
function LinkById({ name, add }: { name: string; add: (ids: readonly string[]) => Promise<boolean> }) {
  const { say } = useRecordWords();
  const [typed, setTyped] = useState('');
  const ids = typed.split(/[\s,]+/).filter((id) => id !== '');
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (ids.length > 0 && (await add(ids))) setTyped('');
  };
  return (
    <Form className="tools" onSubmit={(event) => void submit(event)}>
      <TextField value={typed} onChange={setTyped} aria-label={`${say('linkById')}: ${name}`}>
        <Label>{say('linkById')}</Label>
        <Input />
      </TextField>
      <Button type="submit">{say('link')}</Button>
    </Form>
  );
}
