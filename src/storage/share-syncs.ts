/**
 * Lets those who sync one path at the same time share the work: each is served by a sync that began after it asked, so at
 * most one is running and one waiting for each path.
 */
export function shareSyncs(sync: (path: string) => Promise<void>): (path: string) => Promise<void> {
  const running = new Map<string, Promise<void>>();
  const waiting = new Map<string, Promise<void>>();

  function start(path: string): Promise<void> {
    waiting.delete(path);
    const run = sync(path).finally(() => running.delete(path));
    running.set(path, run);
    return run;
  }

  return (path) => {
    const next = waiting.get(path);
    if (next !== undefined) return next;
    const current = running.get(path);
    if (current === undefined) return start(path);
    const following = current.catch(() => {}).then(() => start(path));
    waiting.set(path, following);
    return following;
  };
}
