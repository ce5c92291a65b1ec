import { useEffect, useState } from 'react';
import { Fault } from '../answer-state';
import type { RefusedError } from '../api';
import { refusalFrom } from '../use-answer';
import type { OpenFile } from './file-panel';
import { pageOfMarkdown, pageOfText } from './text-page';
import { useFileWords } from './words';

/** As much of a text is shown, in bytes. */
const shownBytes = 256 * 1024;

interface TextFrameProps {
  file: OpenFile;
  url: string;
}

/** The beginning of a text, in a frame that has an origin of its own and may run nothing. */
export function TextFrame({ file, url }: TextFrameProps) {
  const { say, bytes } = useFileWords();
  const [page, setPage] = useState<string | RefusedError | null>(null);
  const { contentType, fileName, size } = file;
  useEffect(() => {
    const stop = new AbortController();
    const tell = (next: string | RefusedError) => {
      if (!stop.signal.aborted) setPage(next);
    };
    read(url, contentType, stop.signal).then(tell, (error: unknown) => tell(refusalFrom(error)));
    return () => stop.abort();
  }, [url, contentType]);
  if (page === null) return <p className="picture none">{say('loading')}</p>;
  if (typeof page !== 'string') return <Fault error={page} />;
  return (
    <>
      <iframe className="frame" sandbox="" srcDoc={page} title={fileName} />
      {size > shownBytes && (
        <small>
          {say('firstPart')} {bytes(shownBytes)}
        </small>
      )}
    </>
  );
}

async function read(url: string, contentType: string, signal: AbortSignal): Promise<string> {
  const answer = await fetch(url, { headers: { range: `bytes=0-${shownBytes - 1}` }, signal });
  // A file without a byte has no such range.
  if (!answer.ok && answer.status !== 416) throw new Error(String(answer.status));
  const charset = /charset="?([\w-]+)/.exec(answer.headers.get('content-type') ?? '')?.[1] ?? 'utf-8';
  const text = answer.status === 416 ? '' : decoderOf(charset).decode(await answer.arrayBuffer());
  return contentType.startsWith('text/markdown') ? pageOfMarkdown(text, signal) : pageOfText(text);
}

function decoderOf(charset: string): TextDecoder {
  try {
    return new TextDecoder(charset);
  } catch {
    return new TextDecoder();
  }
}
