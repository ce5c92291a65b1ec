import { type ReactNode, useState } from 'react';
import { Button } from 'react-aria-components';
import { late } from '../late';
import type { OpenFile } from './file-panel';
import { useFileWords } from './words';

const TextFrame = late(async () => (await import('./text-frame')).TextFrame);

/** Types that the service sends to be shown in place. */
const playable = /^(?:audio\/(?:aac|flac|mp4|mpeg|ogg|wav|webm|x-m4a)|video\/(?:mp4|ogg|webm))(?:;|$)/;
const readable = /^(?:text\/|application\/(?:json|xml|javascript|sql|yaml)\b)|\+(?:json|xml)(?:;|$)/;

/** The content, as far as a browser can show it: never in this page, but in a frame that may run nothing. */
export function Preview({ file }: { file: OpenFile }) {
  const { say } = useFileWords();
  const { contentType, inlineUrl, fileName } = file;
  if (inlineUrl !== null && playable.test(contentType))
    return (
      <OnDemand label={say('play')}>
        <iframe
          className={contentType.startsWith('audio/') ? 'frame audio' : 'frame'}
          sandbox=""
          src={inlineUrl}
          title={fileName}
        />
      </OnDemand>
    );
  if (inlineUrl !== null && readable.test(contentType) && !contentType.startsWith('image/'))
    return <TextFrame file={file} url={inlineUrl} />;
  return (
    <>
      <Picture file={file} />
      {inlineUrl !== null && contentType === 'application/pdf' && navigator.pdfViewerEnabled && (
        <OnDemand label={say('allPages')}>
          {/* A browser shows no PDF in a sandbox. The answer's own policy forbids scripts. */}
          <iframe className="frame tall" src={inlineUrl} title={fileName} />
        </OnDemand>
      )}
    </>
  );
}

/** Loads what may be large, and counts as a download, when it is asked for. */
function OnDemand({ label, children }: { label: string; children: ReactNode }) {
  const [isOpen, setOpen] = useState(false);
  return isOpen ? children : <Button onPress={() => setOpen(true)}>{label}</Button>;
}

function Picture({ file }: { file: OpenFile }) {
  const { say } = useFileWords();
  const [isBroken, setBroken] = useState(false);
  if (!file.preview || isBroken) return <p className="picture none">{say('noPreview')}</p>;
  const { width, height } = file.image ?? {};
  return (
    <img
      className="picture"
      src={file.preview}
      alt={file.fileName}
      width={width}
      height={height}
      onError={() => setBroken(true)}
    />
  );
}
