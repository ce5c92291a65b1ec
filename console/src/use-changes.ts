import type { WatchTarget } from 'claimcheck/client';
import { useEffect, useRef } from 'react';
import { follow } from '../../src/client/react/follow';
import type { Api } from './api';

/**
 * Tells of each change of what is watched, and at each connection, since changes before it are not told. Also if there is no
 * connection: whoever reads then notes that the service is away. Null: nothing is watched.
 */
export function useChanges(api: Api, target: WatchTarget | null, onChange: () => void): void {
  const key = target && JSON.stringify(target);
  const telling = useRef(onChange);
  telling.current = onChange;
  useEffect(() => {
    if (key === null) return undefined;
    const tell = () => telling.current();
    const following = follow(api.claimcheck, JSON.parse(key) as WatchTarget, {
      onChange: tell,
      onFault: tell,
    });
    return () => following.stop();
  }, [api, key]);
}
