import type { ReactNode } from 'react';
import { CopyButton } from '../copy-button';
import { PlaceLink } from '../place-link';
import { refText } from '../record-ref';
import { Actions } from './actions';
import { DescriptionPart } from './description';
import type { FilePartProps, OpenFile } from './file-panel';
import { Preview } from './preview';
import { useFileWords } from './words';

/** The file itself, the facts, and its places. */
export function Overview(props: FilePartProps) {
  const { say } = useFileWords();
  const { file } = props;
  const { rejection, damaged } = file;
  return (
    <>
      <Preview key={`${file.id} ${file.version}`} file={file} />
      <Actions {...props} />
      {damaged && <p className="fault">{say('damaged')}</p>}
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
      <Expiry file={file} />
      <DescriptionPart {...props} />
      <Facts file={file} />
      <Uses file={file} />
    </>
  );
}

function Facts({ file }: { file: OpenFile }) {
  const { say, bytes, instant, number } = useFileWords();
  const { image, createdBy, metadata } = file;
  return (
    <section>
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
        <Fact name={say('version')}>{number(file.version)}</Fact>
        <Fact name={say('created')}>{instant(file.createdAt)}</Fact>
        <Fact name={say('by')}>
          <PlaceLink to={{ creator: createdBy.id }}>
            <bdi>{createdBy.name ?? createdBy.id}</bdi>
          </PlaceLink>
        </Fact>
        <Fact name={say('changed')}>{instant(file.updatedAt)}</Fact>
        <Copied name="SHA-256" text={file.sha256.hash} />
        <Copied name="MD5" text={file.md5.hash} />
        <Copied name={say('id')} text={file.id} />
        <Copied name={say('key')} text={file.documentKey} />
        {metadata && (
          <Fact name={say('metadata')}>
            <bdi>{metadata.type}</bdi> <code>{JSON.stringify(metadata.attributes)}</code>
          </Fact>
        )}
      </dl>
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
  const linkTo = ({ type, recordId }: { type: string; recordId: string }) => (
    <PlaceLink
      to={{ page: 'records', record: refText({ type, id: recordId }), file: null, tab: null, trash: null }}
    >
      <bdi>
        {type} {recordId}
      </bdi>
    </PlaceLink>
  );
  return (
    <section>
      <h3>{say('usedIn')}</h3>
      {!record && links.nodes.length === 0 && <p>{say('notUsed')}</p>}
      <ul>
        {record && (
          <li>
            {linkTo(record)} ({say('owner')})
          </li>
        )}
        {links.nodes.map((link) => (
          <li key={link.id}>
            {linkTo(link.record)}, <bdi>{link.field}</bdi>, {say('position')} {number(link.position + 1)}
          </li>
        ))}
      </ul>
      {links.pageInfo.hasNextPage && <p>{say('moreUses')}</p>}
    </section>
  );
}

/** The time that is left, and the reason. */
function Expiry({ file: { expiresAt, claimedAt, deletedAt } }: { file: OpenFile }) {
  const { say, instant, fromNow } = useFileWords();
  const reason = deletedAt !== null ? 'expiresTrash' : claimedAt ? 'expiresUnlinked' : 'expiresUnused';
  return (
    <section>
      <h3>{say('expires')}</h3>
      {expiresAt ? (
        <p>
          {fromNow(expiresAt)} (<time dateTime={expiresAt}>{instant(expiresAt)}</time>). {say(reason)}
        </p>
      ) : (
        <p>{say('keeps')}</p>
      )}
    </section>
  );
}
