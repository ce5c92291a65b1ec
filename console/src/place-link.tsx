import type { MouseEvent, ReactNode } from 'react';
import { addressOf, go } from './location';

interface PlaceLinkProps {
  /** Changes of the address; null takes a parameter away. */
  to: Readonly<Record<string, string | null>>;
  isCurrent?: boolean;
  children: ReactNode;
}

/** A link to another place of the console. It can be opened in another tab, as every link can. */
export function PlaceLink({ to, isCurrent = false, children }: PlaceLinkProps) {
  const follow = (event: MouseEvent) => {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(to);
  };
  return (
    <a href={addressOf(to)} aria-current={isCurrent ? 'page' : undefined} onClick={follow}>
      {children}
    </a>
  );
}
