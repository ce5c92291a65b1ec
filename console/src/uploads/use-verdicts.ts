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
  /** Deleted meanwhile, or hidden: they get no verdict here. */
  const [gone, setGone] = useState<ReadonlySet<string>>(new Set());
  const waiting = stored.filter(
    ({ id, status }) => !gone.has(id) && (verdicts.get(id) ?? status) === 'PENDING',
  );
  const latest = useRef({ onVerdict, ids: [''] });
  latest.current = { onVerdict, ids: waiting.map(({ id }) => id) };
  const isWaiting = waiting.length > 0;
  const hurry = useRef(() => {});
  useEffect(() => {
    if (!isWaiting) return undefined;
    const stop = new AbortController();
    const { signal } = stop;
    const look = async (): Promise<boolean> => {
      const { ids } = latest.current;
      const { nodes } = await api.claimcheck.list({ filter: { ids }, first: ids.length, signal });
      const found = nodes.filter(({ status }) => status !== 'PENDING');
      const left = new Set(nodes.map(({ id }) => id));
      if (signal.aborted) return false;
      if (left.size < ids.length) setGone((last) => new Set([...last, ...ids.filter((id) => !left.has(id))]));
      if (found.length === 0) return false;
      setVerdicts((last) => new Map([...last, ...found.map(({ id, status }) => [id, status] as const)]));
      latest.current.onVerdict();
      return true;
    };
    hurry.current = repeat(look, signal);
    return () => {
      hurry.current = () => {};
      stop.abort();
    };
  }, [api, isWaiting]);
  // A new one need not wait as long as those that have waited for long.
  const count = useRef(0);
  useEffect(() => {
    if (waiting.length > count.current) hurry.current();
    count.current = waiting.length;
  });
  return verdicts;
}

/** Looks now and then until the signal is aborted, ever more seldom while nothing is found. Returns what makes the next look soon. */
function repeat(look: () => Promise<boolean>, signal: AbortSignal): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let pause = firstPause;
  const wait = () => {
    timer = setTimeout(() => {
      timer = undefined;
      const grown = Math.min(longestPause, pause * 1.5);
      void (async () => {
        const isFound = await look().catch(() => false);
        pause = isFound ? firstPause : grown;
        if (!signal.aborted) wait();
      })();
    }, pause);
  };
  signal.addEventListener('abort', () => clearTimeout(timer));
  wait();
  return () => {
    if (pause === firstPause) return;
    pause = firstPause;
    if (timer === undefined) return;
    clearTimeout(timer);
    wait();
  };
}
