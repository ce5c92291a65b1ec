import type { Claimcheck } from '../claimcheck.js';
import type { WatchTarget } from '../upload.js';

/** Between an outage that `watch` gave up on and the next attempt. */
const pauseMs = 10_000;

export interface Following {
  /** Begins again if it has ended. */
  again(): void;
  /** Ends it for good. */
  stop(): void;
}

interface FollowOptions {
  /** At each connection, since changes before it are not told, and at each change. */
  onChange(): void;
  onFault(error: unknown): void;
}

/**
 * Follows changes over outages of any length, while the page is seen. One that is hidden holds no connection: by HTTP/1.1 browsers
 * have six to one server, for all of their tabs together.
 */
export function follow(
  claimcheck: Pick<Claimcheck, 'watch'>,
  target: WatchTarget,
  { onChange, onFault }: FollowOptions,
): Following {
  let connection: AbortController | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isOver = false;
  const end = () => {
    clearTimeout(timer);
    connection?.abort();
    connection = null;
  };
  const begin = () => {
    if (isOver || connection !== null || isHidden()) return;
    clearTimeout(timer);
    const own = new AbortController();
    connection = own;
    const { signal } = own;
    const watch = async () => {
      for await (const _ of claimcheck.watch(target, { signal, onConnect: onChange })) onChange();
    };
    watch()
      .catch((error: unknown) => {
        if (signal.aborted) return;
        if (isPassing(error)) timer = setTimeout(begin, pauseMs);
        onFault(error);
      })
      .finally(() => {
        if (connection === own) connection = null;
      });
  };
  const look = () => (isHidden() ? end() : begin());
  const page = typeof document === 'undefined' ? null : document;
  page?.addEventListener('visibilitychange', look);
  begin();
  return {
    again: begin,
    stop: () => {
      isOver = true;
      page?.removeEventListener('visibilitychange', look);
      end();
    },
  };
}

const isHidden = () => typeof document !== 'undefined' && document.visibilityState === 'hidden';

/**
 * A page of a proxy in the place of the service is an outage too, by any status. The class of the error may be another module's: the
 * client may have been bundled twice.
 */
const isPassing = (error: unknown) =>
  error instanceof Error &&
  (('retryable' in error && error.retryable === true) ||
    ('code' in error && error.code === 'UNEXPECTED_ANSWER'));
