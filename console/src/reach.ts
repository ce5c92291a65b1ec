import { useSyncExternalStore } from 'react';

/** Whether the service answers, and how often it has come back. Pages read anew what they show after each return. */
export interface Reach {
  isLost: boolean;
  returns: number;
}

const longestPause = 10_000;
const listeners = new Set<() => void>();
let reach: Reach = { isLost: false, returns: 0 };
let timer: ReturnType<typeof setTimeout> | undefined;

export const useReach = (): Reach => useSyncExternalStore(subscribe, () => reach);

function subscribe(listener: () => void): () => void {
  if (listeners.size === 0) {
    addEventListener('offline', noteLost);
    addEventListener('online', lookNow);
  }
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    removeEventListener('offline', noteLost);
    removeEventListener('online', lookNow);
    clearTimeout(timer);
  };
}

function change(next: Reach): void {
  reach = next;
  for (const listener of listeners) listener();
}

/** An answer has come, whichever. */
export function noteReached(): void {
  if (!reach.isLost) return;
  clearTimeout(timer);
  change({ isLost: false, returns: reach.returns + 1 });
}

/** No answer has come. The service is asked whether it lives, ever more seldom, until it is. */
export function noteLost(): void {
  if (reach.isLost) return;
  change({ ...reach, isLost: true });
  lookAfter(1_000);
}

/** Something could not be loaded. Resolves once the service has answered after that. */
export function reachedAgain(): Promise<void> {
  noteLost();
  return new Promise((resolve) => {
    const stop = subscribe(() => {
      if (reach.isLost) return;
      stop();
      resolve();
    });
  });
}

const lookNow = () => {
  if (reach.isLost) void look(1_000);
};

function lookAfter(pause: number): void {
  clearTimeout(timer);
  timer = setTimeout(() => void look(pause), pause);
}

async function look(pause: number): Promise<void> {
  try {
    const { ok } = await fetch(new URL('health/live', document.baseURI), { cache: 'no-store' });
    if (ok) return noteReached();
  } catch {
    // It is still away.
  }
  if (reach.isLost) lookAfter(Math.min(longestPause, pause * 2));
}
