import { Deliveries } from '../administration/deliveries-tab';
import { useAdministrationWords } from '../administration/words';
import { PagesEnd } from '../answer-state';
import { usePages } from '../use-pages';
import type { FilePartProps } from './file-panel';
import { HistoryDocument } from './graphql';

/** The audit of the file as a time line, the newest first. */
export function History({ api, file: { id, updatedAt } }: FilePartProps) {
  const { say, instant } = useAdministrationWords();
  const pages = usePages(
    `${id} ${updatedAt}`,
    async (after) => (await api.ask(HistoryDocument, { id, first: 50, after })).auditLog,
  );
  return (
    <>
      <ol className="time-line" aria-label={say('audit')}>
        {pages.items.map(({ id: event, action, createdAt, details, principal }) => (
          <li key={event}>
            <strong>{say(action)}</strong>
            <small>
              <time dateTime={createdAt}>{instant(createdAt)}</time> ·{' '}
              <bdi>{principal ? (principal.name ?? principal.id) : say('theService')}</bdi>
            </small>
            {details !== null && <code>{JSON.stringify(details)}</code>}
          </li>
        ))}
      </ol>
      <PagesEnd pages={pages} empty={say('noEvents')} />
    </>
  );
}

export const FileDeliveries = ({ file, ...page }: FilePartProps) => (
  <Deliveries {...page} attachmentId={file.id} />
);
