import { useState } from 'react';
import { Button, Input, Label, TextField } from 'react-aria-components';
import type { Api } from '../api';
import { AskFirst } from '../ask-first';
import { refusalFrom } from '../use-answer';
import { useBulk } from './bulk';
import { DeleteFileDocument, LinkFilesDocument, RestoreFileDocument } from './graphql';
import type { ListedFile } from './use-files';
import { useFilesWords } from './words';

interface BulkBarProps {
  api: Api;
  /** Those that are chosen. */
  files: readonly ListedFile[];
  isTrash: boolean;
  mayWrite: boolean;
  /** After something has changed. */
  onChanged: () => void;
  onClear: () => void;
}

/** All that can be done with several files at once. */
export function BulkBar({ api, files, isTrash, mayWrite, onChanged, onClear }: BulkBarProps) {
  const { say, number } = useFilesWords();
  const bulk = useBulk();
  const [notice, setNotice] = useState('');
  const run = async (act: (file: ListedFile) => Promise<unknown>) => {
    setNotice('');
    await bulk.run(files, act);
    onChanged();
  };
  const erase = (permanently: boolean) => async () =>
    void run(({ id }) => api.change(DeleteFileDocument, { id, permanently }));
  const actions = isTrash ? (
    <>
      <Button onPress={() => void run(({ id }) => api.change(RestoreFileDocument, { id }))}>
        {say('restore')}
      </Button>
      <AskFirst label={say('deleteForGood')} title={say('deleteForGoodTitle')} onConfirm={erase(true)}>
        <p>{say('deleteForGoodHint')}</p>
      </AskFirst>
    </>
  ) : (
    <>
      <LinkButton api={api} files={files} onLinked={(text) => [setNotice(text), onChanged()]} />
      <AskFirst label={say('delete')} title={say('deleteTitle')} onConfirm={erase(false)}>
        <p>{say('deleteHint')}</p>
      </AskFirst>
    </>
  );
  if (files.length === 0 && bulk.faults.length === 0 && notice === '') return null;
  const { progress } = bulk;
  return (
    <section className="bulk" aria-label={say('selection')}>
      <div className="buttons">
        <span role="status">
          {progress
            ? `${number(progress.done)} / ${number(progress.total)}`
            : `${number(files.length)} ${say('selected')}`}
        </span>
        {files.length > 0 && progress === null && (
          <>
            {!isTrash && <ZipButton api={api} files={files} onSaved={setNotice} />}
            {mayWrite && actions}
          </>
        )}
        <Button onPress={() => [bulk.clear(), setNotice(''), onClear()]}>{say('clearSelection')}</Button>
      </div>
      {notice !== '' && <p role="status">{notice}</p>}
      {bulk.faults.length > 0 && (
        <ul className="fault" role="alert">
          {bulk.faults.map(({ id, fileName, message }) => (
            <li key={id}>
              <bdi>{fileName}</bdi>: {message}
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

interface PartProps {
  api: Api;
  files: readonly ListedFile[];
}

function LinkButton({ api, files, onLinked }: PartProps & { onLinked: (text: string) => void }) {
  const { say, number } = useFilesWords();
  const link = async (form: FormData) => {
    const text = (name: string) => String(form.get(name)).trim();
    const record = { type: text('type'), id: text('id') };
    const ids = files.map(({ id }) => id);
    const { linkAttachments } = await api.change(LinkFilesDocument, { ids, record, field: text('field') });
    const refused = linkAttachments?.rejected.length ?? 0;
    onLinked(`${number(ids.length - refused)} ${say('wereLinked')}`);
  };
  return (
    <AskFirst label={say('link')} title={say('linkTitle')} onConfirm={link}>
      <TextField name="type" isRequired maxLength={255}>
        <Label>{say('recordType')}</Label>
        <Input />
      </TextField>
      <TextField name="id" isRequired maxLength={255}>
        <Label>{say('recordId')}</Label>
        <Input />
      </TextField>
      <TextField name="field" isRequired defaultValue="attachments" maxLength={255}>
        <Label>{say('field')}</Label>
        <Input />
      </TextField>
    </AskFirst>
  );
}

function ZipButton({ api, files, onSaved }: PartProps & { onSaved: (text: string) => void }) {
  const { say, number } = useFilesWords();
  const [done, setDone] = useState<number | null>(null);
  const save = async () => {
    setDone(0);
    try {
      const { saveZip } = await import('./save-zip');
      const { saved, left } = await saveZip(
        api,
        files.map(({ id }) => id),
        setDone,
      );
      const rest = left === 0 ? '' : `, ${number(left)} ${say('leftOut')}`;
      onSaved(`${number(saved)} ${say('saved')}${rest}`);
    } catch (error) {
      onSaved(refusalFrom(error).message);
    } finally {
      setDone(null);
    }
  };
  return (
    <Button onPress={() => void save()} isDisabled={done !== null}>
      {say('zip')}
      {done !== null && ` ${number(done)} / ${number(files.length)}`}
    </Button>
  );
}
