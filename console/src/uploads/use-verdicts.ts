import type { Attachment } from 'claimcheck/client';
import { useEffect, useRef, useState } from 'react';
import type { Api } from '../api';

type Status = Attachment['status'];

/** Milliseconds. */
const firstPause = 500;
const longestPause = 10_000;

/**
 * The statuses that uploads have got since they were stored. Asks for all that have none yet at once, ever more seldom: a stream for
 * each would take every connection that the browser has, and hold up the uploads behind them.
 */
export function useVerdicts(
  api: Api,
  stored: readonly Attachment[],
  onVerdict: () => void,
): ReadonlyMap<string, Status> {
  const [verdicts, setVerdicts] = useState<ReadonlyMap<string, Status>>(new Map());
  const telling = useRef(onVerdict);
  telling.current = onVerdict;
  const waiting = stored.filter(({ id, status }) => (verdicts.get(id) ?? status) === 'PENDING');
  const key = waiting.map(({ id }) => id).join();
  useEffect(() => {
    if (key === '') return undefined;
    const ids = key.split(',');
    const stop = new AbortController();
    const { signal } = stop;
    let timer: ReturnType<typeof setTimeout>;
    const look = async (pause: number) => {
      const { nodes } = await api.claimcheck
        .list({ filter: { ids }, first: ids.length, signal })
        .catch(() => ({ nodes: [] }));
      if (signal.aborted) return;
      const found = nodes.filter(({ status }) => status !== 'PENDING');
      if (found.length === 0) return wait(Math.min(longestPause, pause * 1.5));
      setVerdicts((last) => new Map([...last, ...found.map(({ id, status }) => [id, status] as const)]));
      telling.current();
    };
    const wait = (pause: number) => {
      timer = setTimeout(() => void look(pause), pause);
    };
    wait(firstPause);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [api, key]);
  return verdicts;
}
