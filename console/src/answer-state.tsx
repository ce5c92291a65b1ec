import { Button } from 'react-aria-components';
import type { RefusedError } from './api';
import type { Pages } from './use-pages';
import { useWords } from './words';

/** A refusal in the service's words, and a way to try again. */
export function Fault({ error, onRetry }: { error: RefusedError | null; onRetry?: () => void }) {
  const { say } = useWords();
  if (error === null) return null;
  return (
    <div className="fault" role="alert">
      <p>
        <bdi>{error.code === null ? say('unreachable') : error.message}</bdi>
      </p>
      {onRetry && <Button onPress={onRetry}>{say('retry')}</Button>}
    </div>
  );
}

/** The end of a list in pages: that it loads, what went wrong, or a button for more. */
export function PagesEnd<Item>({ pages, empty }: { pages: Pages<Item>; empty: string }) {
  const { say } = useWords();
  if (pages.error) return <Fault error={pages.error} onRetry={pages.more} />;
  if (pages.isLoading) return <p className="notice">{say('loading')}</p>;
  if (pages.items.length === 0) return <p className="notice">{empty}</p>;
  return pages.hasMore ? <Button onPress={pages.more}>{say('showMore')}</Button> : null;
}
