import { type FormEvent, type ReactNode, useState } from 'react';
import { Button, Dialog, DialogTrigger, Form, Heading, Modal, ModalOverlay } from 'react-aria-components';
import { Fault } from './answer-state';
import type { RefusedError } from './api';
import { refusalFrom } from './use-answer';
import { useWords } from './words';

interface AskFirstProps {
  /** Says what the button does, and the one that does it. */
  label: string;
  /** Tells several such buttons of a page apart; the label if left out. */
  name?: string;
  title: string;
  /** Explains it, or has fields to fill in. */
  children: ReactNode;
  /** The dialog stays open, with the fault, if it rejects. */
  onConfirm: (form: FormData) => Promise<unknown>;
}

/** A button that asks before it does something. */
export function AskFirst({ label, name, title, children, onConfirm }: AskFirstProps) {
  return (
    <DialogTrigger>
      <Button {...(name === undefined ? {} : { 'aria-label': name })}>{label}</Button>
      <ModalOverlay className="modal" isDismissable>
        <Modal>
          <Dialog>
            {({ close }) => (
              <Question label={label} title={title} onConfirm={onConfirm} close={close}>
                {children}
              </Question>
            )}
          </Dialog>
        </Modal>
      </ModalOverlay>
    </DialogTrigger>
  );
}

type QuestionProps = Omit<AskFirstProps, 'name'> & { close: () => void };

function Question({ label, title, children, onConfirm, close }: QuestionProps) {
  const { say } = useWords();
  const [error, setError] = useState<RefusedError | null>(null);
  const [isBusy, setBusy] = useState(false);
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    setBusy(true);
    try {
      await onConfirm(new FormData(event.currentTarget));
      close();
    } catch (refusal) {
      setError(refusalFrom(refusal));
      setBusy(false);
    }
  };
  return (
    <Form className="form" onSubmit={(event) => void submit(event)}>
      <Heading slot="title">{title}</Heading>
      {children}
      <Fault error={error} />
      <div className="buttons">
        <Button type="submit" className="primary" isDisabled={isBusy}>
          {label}
        </Button>
        <Button onPress={close}>{say('cancel')}</Button>
      </div>
    </Form>
  );
}
