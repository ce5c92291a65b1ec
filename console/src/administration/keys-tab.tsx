import { useState } from 'react';
import { PagesEnd } from '../answer-state';
import { AskFirst } from '../ask-first';
import type { PageProps } from '../pages';
import { ShowQuery } from '../show-query';
import { usePages } from '../use-pages';
import { ApiKeysDocument, type ApiKeysQuery, CreateApiKeyDocument, RevokeApiKeyDocument } from './graphql';
import { KeyFields, readKeyFields } from './key-fields';
import { SecretDialog } from './secret-dialog';
import { useAdministrationWords } from './words';

type Key = ApiKeysQuery['apiKeys']['nodes'][number];

const variables = { first: 50 };

/** The organization's keys, the newest first. */
export function KeysTab({ api, viewer }: PageProps) {
  const { say } = useAdministrationWords();
  const [made, setMade] = useState<string | null>(null);
  const pages = usePages(
    '',
    async (after) => (await api.ask(ApiKeysDocument, { ...variables, after })).apiKeys,
  );
  const make = async (form: FormData) => {
    const { createApiKey } = await api.change(CreateApiKeyDocument, { input: readKeyFields(form) });
    if (createApiKey) setMade(createApiKey.secret);
    pages.refresh();
  };
  const revoke = async (id: string) => {
    await api.change(RevokeApiKeyDocument, { id });
    pages.refresh();
  };
  return (
    <>
      <div className="tools">
        <AskFirst label={say('makeKey')} title={say('makeKey')} onConfirm={make}>
          <KeyFields permissions={viewer.permissions} />
        </AskFirst>
        <ShowQuery document={ApiKeysDocument} variables={variables} />
      </div>
      {made !== null && <SecretDialog title={say('newKey')} secret={made} onClose={() => setMade(null)} />}
      <ul className="cards" aria-label={say('keys')}>
        {pages.items.map((key) => (
          <li key={key.id}>
            <KeyCard apiKey={key} revoke={() => revoke(key.id)} />
          </li>
        ))}
      </ul>
      <PagesEnd pages={pages} empty={say('noKeys')} />
    </>
  );
}

function KeyCard({ apiKey, revoke }: { apiKey: Key; revoke: () => Promise<void> }) {
  const { say, instant } = useAdministrationWords();
  const { name, prefix, permissions, createdAt, expiresAt, lastUsedAt, revokedAt } = apiKey;
  const isExpired = expiresAt !== null && new Date(expiresAt) <= new Date();
  return (
    <>
      <h2>
        <bdi>{name}</bdi> <code>{prefix}…</code>{' '}
        {revokedAt !== null && <span className="status REJECTED">{say('revoked')}</span>}
        {revokedAt === null && isExpired && <span className="status REJECTED">{say('expired')}</span>}
      </h2>
      <p>{permissions.join(', ')}</p>
      <small>
        {say('created')} {instant(createdAt)} · {say('lastUsed')}{' '}
        {lastUsedAt === null ? say('never') : instant(lastUsedAt)} · {say('expires')}{' '}
        {expiresAt === null ? say('never') : instant(expiresAt)}
        {revokedAt !== null && ` · ${say('revoked')} ${instant(revokedAt)}`}
      </small>
      {revokedAt === null && (
        <AskFirst
          label={say('revoke')}
          name={`${say('revoke')}: ${name}`}
          title={say('revokeTitle')}
          onConfirm={revoke}
        >
          <p>
            <bdi>{name}</bdi> <code>{prefix}…</code>
          </p>
          <p>{say('revokeHint')}</p>
        </AskFirst>
      )}
    </>
  );
}
