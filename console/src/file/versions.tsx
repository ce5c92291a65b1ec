import { useState } from 'react';
import { Button, FileTrigger } from 'react-aria-components';
import { Fault, PagesEnd } from '../answer-state';
import type { RefusedError } from '../api';
import { refusalFrom } from '../use-answer';
import { usePages } from '../use-pages';
import type { FilePartProps } from './file-panel';
import { ReplaceDocument, VersionsDocument } from './graphql';
import { useFileWords } from './words';

const extensionOf = (name: string) => /\.[^.]+$/.exec(name)?.[0].toLowerCase();

/** All contents that are kept, the newest first. */
export function Versions({ api, file, mayWrite, onChanged }: FilePartProps) {
  const { say, bytes, instant, number } = useFileWords();
  const { id, version } = file;
  const pages = usePages(`${id} ${version}`, async (after) => {
    const { attachment } = await api.ask(VersionsDocument, { id, first: 50, after });
    const { nodes = [], pageInfo = { hasNextPage: false, endCursor: null } } = attachment?.versions ?? {};
    return { nodes: nodes.map((node) => ({ ...node, id: node.documentKey })), pageInfo };
  });
  const replaced = () => [pages.refresh(), onChanged()];
  return (
    <>
      {mayWrite && file.deletedAt === null && <ReplaceButton {...{ api, file }} onReplaced={replaced} />}
      <ol className="cards" aria-label={say('versions')}>
        {pages.items.map((each) => (
          <li key={each.id}>
            <h3>
              {say('version')} {number(each.version)}
              {each.isCurrent && ` (${say('current')})`}
            </h3>
            <p>
              <bdi>{each.fileName}</bdi> · {bytes(each.size)} ·{' '}
              <span className={`status ${each.status}`}>{say(each.status)}</span>
            </p>
            <small>
              {instant(each.createdAt)} · <bdi>{each.createdBy.name ?? each.createdBy.id}</bdi>
            </small>
            <code>SHA-256 {each.sha256.hash}</code>
            {each.downloadUrl && (
              <a className="button" href={each.downloadUrl}>
                {say('download')} <span className="sr-only">{number(each.version)}</span>
              </a>
            )}
          </li>
        ))}
      </ol>
      <PagesEnd pages={pages} empty={say('noVersions')} />
    </>
  );
}

type ReplaceProps = Pick<FilePartProps, 'api' | 'file'> & { onReplaced: () => void };

/** Refused if somebody else has replaced the content meanwhile. */
function ReplaceButton({ api, file, onReplaced }: ReplaceProps) {
  const { say } = useFileWords();
  const [state, setState] = useState<'sending' | RefusedError | null>(null);
  const send = async (content: File) => {
    setState('sending');
    try {
      const isSameKind = extensionOf(content.name) === extensionOf(file.fileName);
      const input = {
        attachmentId: file.id,
        content: { upload: content },
        expectedVersion: file.version,
        ...(isSameKind ? {} : { fileName: content.name }),
      };
      await api.change(ReplaceDocument, { input });
      setState(null);
      onReplaced();
    } catch (error) {
      setState(refusalFrom(error));
    }
  };
  const take = ([content]: Iterable<File>) => {
    if (content) void send(content);
  };
  return (
    <div className="buttons">
      <FileTrigger onSelect={(chosen) => take(chosen ?? [])}>
        <Button isDisabled={state === 'sending'}>{say('replace')}</Button>
      </FileTrigger>
      {state === 'sending' && <span role="status">{say('sending')}</span>}
      {state !== 'sending' && <Fault error={state} />}
    </div>
  );
}
