import { QRCodeSVG } from 'qrcode.react';
import { useState } from 'react';
import { Button, Input, Label, TextField } from 'react-aria-components';
import { Fault, PagesEnd } from '../answer-state';
import type { RefusedError } from '../api';
import { AskFirst } from '../ask-first';
import { CopyButton } from '../copy-button';
import { refusalFrom } from '../use-answer';
import { usePages } from '../use-pages';
import type { FilePartProps } from './file-panel';
import { CreateShareDocument, RevokeShareDocument, SharesDocument, type SharesQuery } from './graphql';
import { useFileWords } from './words';

type Share = NonNullable<SharesQuery['attachment']>['shareLinks']['nodes'][number];

const daysMs = 86_400_000;

/** Links by which anybody can download the file. */
export function Shares({ api, file, mayWrite }: FilePartProps) {
  const { say } = useFileWords();
  const { id } = file;
  const [made, setMade] = useState<string | null>(null);
  const pages = usePages(id, async (after) => {
    const { attachment } = await api.ask(SharesDocument, { id, first: 50, after });
    return attachment?.shareLinks ?? { nodes: [], pageInfo: { hasNextPage: false, endCursor: null } };
  });
  const make = async (form: FormData) => {
    const days = Number(form.get('days'));
    const count = String(form.get('maxDownloads'));
    const input = {
      attachmentId: id,
      ...(days > 0 ? { expiresAt: new Date(Date.now() + days * daysMs).toISOString() } : {}),
      ...(count === '' ? {} : { maxDownloads: Number(count) }),
    };
    setMade((await api.change(CreateShareDocument, { input })).createShareLink?.url ?? null);
    pages.refresh();
  };
  return (
    <>
      {mayWrite && file.deletedAt === null && (
        <AskFirst label={say('makeShare')} title={say('makeShareTitle')} onConfirm={make}>
          <TextField name="days" type="number" defaultValue="7">
            <Label>{say('shareDays')}</Label>
            <Input min="0" max="3650" />
          </TextField>
          <TextField name="maxDownloads" type="number">
            <Label>{say('shareDownloads')}</Label>
            <Input min="1" max="1000000" />
          </TextField>
        </AskFirst>
      )}
      {made !== null && <NewShare url={made} />}
      <ul className="cards" aria-label={say('shares')}>
        {pages.items.map((share) => (
          <li key={share.id}>
            <ShareCard share={share} api={api} mayWrite={mayWrite} onRevoked={pages.refresh} />
          </li>
        ))}
      </ul>
      <PagesEnd pages={pages} empty={say('noShares')} />
    </>
  );
}

/** The URL, which nobody can read again. */
function NewShare({ url }: { url: string }) {
  const { say } = useFileWords();
  return (
    <section className="new-share" aria-label={say('newShare')}>
      <h3>{say('newShare')}</h3>
      <p>{say('shareOnce')}</p>
      <code>{url}</code>
      <CopyButton name={say('newShare')} text={url} />
      <QRCodeSVG value={url} size={192} marginSize={4} title={say('qrCode')} role="img" />
    </section>
  );
}

type ShareCardProps = Pick<FilePartProps, 'api' | 'mayWrite'> & { share: Share; onRevoked: () => void };

function ShareCard({ share, api, mayWrite, onRevoked }: ShareCardProps) {
  const { say, instant, number } = useFileWords();
  const [error, setError] = useState<RefusedError | null>(null);
  const { id, createdAt, createdBy, expiresAt, revokedAt, lastUsedAt, downloads, maxDownloads } = share;
  const isUsedUp = maxDownloads !== null && downloads >= maxDownloads;
  const isOver = revokedAt !== null || isUsedUp || (expiresAt !== null && Date.parse(expiresAt) < Date.now());
  const end = revokedAt ?? expiresAt;
  const revoke = () => {
    setError(null);
    api
      .change(RevokeShareDocument, { id })
      .then(onRevoked, (refusal: unknown) => setError(refusalFrom(refusal)));
  };
  return (
    <>
      <h3 className={isOver ? 'status' : 'status APPROVED'}>
        {say(revokedAt !== null ? 'revoked' : isOver ? 'over' : 'works')}
      </h3>
      <p>
        {say('downloads')}: {number(downloads)}
        {maxDownloads !== null && ` / ${number(maxDownloads)}`}
        {lastUsedAt !== null && ` · ${say('lastUsed')} ${instant(lastUsedAt)}`}
      </p>
      <small>
        {say('created')} {instant(createdAt)} · <bdi>{createdBy.name ?? createdBy.id}</bdi>
        {end !== null && ` · ${say('ends')} ${instant(end)}`}
      </small>
      {mayWrite && revokedAt === null && <Button onPress={revoke}>{say('revoke')}</Button>}
      <Fault error={error} />
    </>
  );
}
