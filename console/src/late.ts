import { type ComponentType, lazy } from 'react';
import { reachedAgain } from './reach';

/** A part of which the script is loaded late. If it cannot be had, the whole is loaded again once the service can be reached. */
export const late = <Props extends object>(load: () => Promise<ComponentType<Props>>) =>
  lazy(async () => {
    try {
      return { default: await load() };
    } catch {
      await reachedAgain();
      location.reload();
      return { default: () => null };
    }
  });
