import type { MouseEvent, ReactNode } from 'react';
import { addressOf, go } from './location';

interface PlaceLinkProps {
  /** Changes of the address; null takes a parameter away. */
  to: Readonly<Record<string, string | null>>;
  isCurrent?: boolean;
  children: ReactNode;
}

/** Whether the link opens here, not in another tab or window. */
export const isPlain = ({ button, metaKey, ctrlKey, shiftKey, altKey }: MouseEvent): boolean =>
  button === 0 && !metaKey && !ctrlKey && !shiftKey && !altKey;

/** A link to another place of the console. It can be opened in another tab, as every link can. */
export function PlaceLink({ to, isCurrent = false, children }: PlaceLinkProps) {
  const follow = (event: MouseEvent) => {
    if (!isPlain(event)) return;
    event.preventDefault();
    go(to);
  };
  return (
    <a href={addressOf(to)} aria-current={isCurrent ? 'page' : undefined} onClick={follow}>
      {children}
    </a>
  );
}
