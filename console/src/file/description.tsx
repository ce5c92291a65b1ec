import { type FormEvent, useState } from 'react';
import { Button, Form, Input, Label, TextArea, TextField } from 'react-aria-components';
import { Fault } from '../answer-state';
import type { RefusedError } from '../api';
import { refusalFrom } from '../use-answer';
import type { FilePartProps } from './file-panel';
import { UpdateFileDocument } from './graphql';
import { useFileWords } from './words';

/** The description, and a form for it and the name. */
export function DescriptionPart(props: FilePartProps) {
  const { say } = useFileWords();
  const [isEdited, setEdited] = useState(false);
  const { file, mayWrite } = props;
  if (isEdited) return <Editor {...props} onClose={() => setEdited(false)} />;
  if (!file.description && !mayWrite) return null;
  return (
    <section>
      <h3>{say('description')}</h3>
      {file.description && <Description html={file.description.html} />}
      {mayWrite && file.deletedAt === null && (
        <Button onPress={() => setEdited(true)}>{say('editDescription')}</Button>
      )}
    </section>
  );
}

/** The service has sanitized it, and the policy of the page lets nothing in it run or load. */
function Description({ html }: { html: string }) {
  const show = (element: HTMLElement | null) => {
    if (element) element.innerHTML = html;
  };
  return <div className="description" ref={show} />;
}

function Editor({ api, file, onChanged, onClose }: FilePartProps & { onClose: () => void }) {
  const { say } = useFileWords();
  const [error, setError] = useState<RefusedError | null>(null);
  const [isBusy, setBusy] = useState(false);
  const { description } = file;
  const save = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const fileName = String(form.get('fileName'));
    const text = String(form.get('description'));
    setBusy(true);
    try {
      const input = {
        attachmentId: file.id,
        ...(fileName === file.fileName ? {} : { fileName }),
        ...(text === (description?.raw ?? '') ? {} : { description: text === '' ? null : text }),
        ...(description ? { descriptionFormat: description.format } : {}),
      };
      await api.change(UpdateFileDocument, { input });
      onChanged();
      onClose();
    } catch (refusal) {
      setError(refusalFrom(refusal));
      setBusy(false);
    }
  };
  return (
    <Form className="form" onSubmit={(event) => void save(event)}>
      <TextField name="fileName" defaultValue={file.fileName} isRequired maxLength={255}>
        <Label>{say('name')}</Label>
        <Input />
      </TextField>
      <TextField name="description" defaultValue={description?.raw ?? ''} maxLength={10_000}>
        <Label>
          {say('description')} ({say(description?.format === 'PLAIN' ? 'plainText' : 'markdown')})
        </Label>
        <TextArea rows={8} />
      </TextField>
      <Fault error={error} />
      <div className="buttons">
        <Button type="submit" className="primary" isDisabled={isBusy}>
          {say('save')}
        </Button>
        <Button onPress={onClose}>{say('cancel')}</Button>
      </div>
    </Form>
  );
}
