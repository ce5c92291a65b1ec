import { type ComponentType, lazy } from 'react';
import { reachedAgain } from './reach';

/** When the tab was last loaded again for the sake of a script, in milliseconds since 1970. */
const reloadedKey = 'claimcheck:reloaded';
/** A script that stays away, as past a rate limit, must not have the page loaded again and again. */
const pauseMs = 60_000;

async function pauseSinceReload(): Promise<void> {
  const since = Date.now() - Number(sessionStorage.getItem(reloadedKey) ?? 0);
  if (since < pauseMs) await new Promise((resolve) => setTimeout(resolve, pauseMs - Math.max(0, since)));
  sessionStorage.setItem(reloadedKey, String(Date.now()));
}

/** A part of which the script is loaded late. If it cannot be had, the whole is loaded again once the service can be reached. */
export const late = <Props extends object>(load: () => Promise<ComponentType<Props>>) =>
  lazy(async () => {
    try {
      return { default: await load() };
    } catch {
      await reachedAgain();
      await pauseSinceReload();
      location.reload();
      return { default: () => null };
    }
  });
