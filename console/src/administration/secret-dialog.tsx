import { Button, Dialog, Heading, Modal, ModalOverlay } from 'react-aria-components';
import { CopyButton } from '../copy-button';
import { useAdministrationWords } from './words';

interface SecretDialogProps {
  title: string;
  secret: string;
  onClose: () => void;
}

/** Shows a secret once: nobody can read it again. */
export function SecretDialog({ title, secret, onClose }: SecretDialogProps) {
  const { say } = useAdministrationWords();
  return (
    <ModalOverlay className="modal" isOpen>
      <Modal>
        <Dialog>
          <Heading slot="title">{title}</Heading>
          <p>{say('shownOnce')}</p>
          <p>
            <code>{secret}</code>
          </p>
          <div className="buttons">
            <CopyButton name={title} text={secret} />
            <Button className="primary" onPress={onClose}>
              {say('close')}
            </Button>
          </div>
        </Dialog>
      </Modal>
    </ModalOverlay>
  );
}
