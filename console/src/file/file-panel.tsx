import { type ReactNode, useEffect, useState } from 'react';
import { Button } from 'react-aria-components';
import { type Api, RefusedError } from '../api';
import { CopyButton } from '../copy-button';
import { go } from '../location';
import { FileDocument, type FileQuery } from './graphql';
import { useFileWords } from './words';
import './file.css';

type OpenFile = NonNullable<FileQuery['attachment']>;

/** All that is known of one file. */
export function FilePanel({ api, id, onClose }: { api: Api; id: string; onClose: () => void }) {
  const { say } = useFileWords();
  const [found, setFound] = useState<OpenFile | 'none' | 'loading' | RefusedError>('loading');
  useEffect(() => {
    let isOver = false;
    const tell = (next: typeof found) => {
      if (!isOver) setFound(next);
    };
    api.ask(FileDocument, { id }).then(
      ({ attachment }) => tell(attachment ?? 'none'),
      (error: unknown) => tell(error instanceof RefusedError ? error : new RefusedError(String(error), null)),
    );
    return () => {
      isOver = true;
    };
  }, [api, id]);
  const isFound = typeof found === 'object' && !(found instanceof RefusedError);
  return (
    <aside className="panel" aria-label={isFound ? found.fileName : say('facts')}>
      <div className="panel-head">
        <h2>{isFound && <bdi>{found.fileName}</bdi>}</h2>
        <Button onPress={onClose}>{say('close')}</Button>
      </div>
      {found === 'loading' && <p className="notice">{say('loading')}</p>}
      {found === 'none' && <p className="notice">{say('notFound')}</p>}
      {found instanceof RefusedError && (
        <p className="notice" role="alert">
          {found.message}
        </p>
      )}
      {isFound && <Facts file={found} />}
    </aside>
  );
}

function Facts({ file }: { file: OpenFile }) {
  const { say, bytes, instant, number } = useFileWords();
  const { rejection, description, image, createdBy } = file;
  return (
    <>
      <Picture file={file} />
      {file.downloadUrl && (
        <a className="button primary" href={file.downloadUrl}>
          {say('download')}
        </a>
      )}
      {rejection && (
        <section className="fault">
          <h3>{say('rejected')}</h3>
          <p>
            <bdi>{rejection.message}</bdi>
          </p>
          {rejection.signature && (
            <p>
              {say('signature')}: <bdi>{rejection.signature}</bdi>
            </p>
          )}
        </section>
      )}
      {description && <Description html={description.html} />}
      <h3>{say('facts')}</h3>
      <dl>
        <Fact name={say('status')}>{say(file.status)}</Fact>
        <Fact name={say('type')}>{file.contentType}</Fact>
        <Fact name={say('size')}>
          {bytes(file.size)} ({number(file.size)})
        </Fact>
        {image && (
          <Fact name={say('pixels')}>
            {number(image.width)} × {number(image.height)}
          </Fact>
        )}
        <Fact name={say('created')}>{instant(file.createdAt)}</Fact>
        <Fact name={say('by')}>
          <bdi>{createdBy.name ?? createdBy.id}</bdi>
        </Fact>
        <Fact name={say('changed')}>{instant(file.updatedAt)}</Fact>
        <Copied name="SHA-256" text={file.sha256.hash} />
        <Copied name="MD5" text={file.md5.hash} />
        <Copied name={say('id')} text={file.id} />
        <Copied name={say('key')} text={file.documentKey} />
      </dl>
      <Uses file={file} />
      <Expiry file={file} />
    </>
  );
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

/** The service has sanitized it, and the policy of the page lets nothing in it run or load. */
function Description({ html }: { html: string }) {
  const { say } = useFileWords();
  const show = (element: HTMLElement | null) => {
    if (element) element.innerHTML = html;
  };
  return (
    <section>
      <h3>{say('description')}</h3>
      <div className="description" ref={show} />
    </section>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Copied({ name, text }: { name: string; text: string }) {
  return (
    <Fact name={name}>
      <code>{text}</code>
      <CopyButton name={name} text={text} />
    </Fact>
  );
}

/** The record that owns it, and the places in records' fields that hold it. */
function Uses({ file: { record, links } }: { file: OpenFile }) {
  const { say, number } = useFileWords();
  const show = (type: string, id: string) => () => go({ record: `${type}/${id}`, file: null });
  return (
    <section>
      <h3>{say('usedIn')}</h3>
      {!record && links.nodes.length === 0 && <p>{say('notUsed')}</p>}
      <ul>
        {record && (
          <li>
            <Button className="link" onPress={show(record.type, record.recordId)}>
              <bdi>
                {record.type} {record.recordId}
              </bdi>
            </Button>{' '}
            ({say('owner')})
          </li>
        )}
        {links.nodes.map((link) => (
          <li key={link.id}>
            <Button className="link" onPress={show(link.record.type, link.record.recordId)}>
              <bdi>
                {link.record.type} {link.record.recordId}
              </bdi>
            </Button>
            , <bdi>{link.field}</bdi>, {say('position')} {number(link.position + 1)}
          </li>
        ))}
      </ul>
    </section>
  );
}

function Expiry({ file: { expiresAt, claimedAt } }: { file: OpenFile }) {
  const { say, instant } = useFileWords();
  return (
    <section>
      <h3>{say('expires')}</h3>
      {expiresAt ? (
        <p>
          {instant(expiresAt)}. {say(claimedAt ? 'expiresUnlinked' : 'expiresUnused')}
        </p>
      ) : (
        <p>{say('keeps')}</p>
      )}
    </section>
  );
}
