import { Button, FileTrigger } from 'react-aria-components';
import { useUploads } from './uploads-provider';
import { useUploadsWords } from './words';

/** Ways to choose files, beside dropping and pasting them. */
export function UploadButtons() {
  const { say } = useUploadsWords();
  const { upload } = useUploads();
  const take = (chosen: FileList | null) => upload(Array.from(chosen ?? []));
  return (
    <>
      <FileTrigger allowsMultiple onSelect={take}>
        <Button className="primary">{say('upload')}</Button>
      </FileTrigger>
      <FileTrigger acceptDirectory onSelect={take}>
        <Button>{say('uploadFolder')}</Button>
      </FileTrigger>
    </>
  );
}
