import { type AnyVariables, stringifyDocument, type TypedDocumentNode } from '@urql/core';
import {
  Button,
  Dialog,
  DialogTrigger,
  Heading,
  Label,
  Modal,
  ModalOverlay,
  TextArea,
  TextField,
} from 'react-aria-components';
import { CopyButton } from './copy-button';
import { useWords } from './words';

interface ShowQueryProps<Data, Variables extends AnyVariables> {
  document: TypedDocumentNode<Data, Variables>;
  variables: Variables;
}

/** The current view as the query that it comes from, which the explorer can run with the same credential. */
export function ShowQuery<Data, Variables extends AnyVariables>({
  document,
  variables,
}: ShowQueryProps<Data, Variables>) {
  const { say } = useWords();
  const query = stringifyDocument(document);
  const values = JSON.stringify(variables, null, 2);
  return (
    <DialogTrigger>
      <Button>{say('showQuery')}</Button>
      <ModalOverlay className="modal" isDismissable>
        <Modal>
          <Dialog>
            <Heading slot="title">{say('showQuery')}</Heading>
            <TextField isReadOnly value={query}>
              <Label>GraphQL</Label>
              <TextArea rows={14} />
            </TextField>
            <TextField isReadOnly value={values}>
              <Label>{say('variables')}</Label>
              <TextArea rows={6} />
            </TextField>
            <div className="buttons">
              <CopyButton name="GraphQL" text={query} />
              <CopyButton name={say('variables')} text={values} />
              <a href={`explorer#${new URLSearchParams({ query, variables: values })}`}>{say('explorer')}</a>
              <Button slot="close">{say('close')}</Button>
            </div>
          </Dialog>
        </Modal>
      </ModalOverlay>
    </DialogTrigger>
  );
}
