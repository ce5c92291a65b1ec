import type { WatchTarget } from 'claimcheck/client';
import { useEffect, useRef } from 'react';
import type { Api } from './api';

/** Tells of each change of what is watched, and at each connection, since changes before it are not told. Null: nothing is watched. */
export function useChanges(api: Api, target: WatchTarget | null, onChange: () => void): void {
  const key = target && JSON.stringify(target);
  const telling = useRef(onChange);
  telling.current = onChange;
  useEffect(() => {
    if (key === null) return undefined;
    const stop = new AbortController();
    const tell = () => {
      if (!stop.signal.aborted) telling.current();
    };
    void (async () => {
      const options = { signal: stop.signal, onConnect: tell };
      for await (const _ of api.claimcheck.watch(JSON.parse(key) as WatchTarget, options)) tell();
    })().catch(() => undefined);
    return () => stop.abort();
  }, [api, key]);
}
