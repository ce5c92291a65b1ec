import { type ReactNode, useEffect } from 'react';
import { Button, ToggleButton } from 'react-aria-components';
import type { Preferences, Viewer } from './app';
import { nothingOf, type Place } from './location';
import { pageOf, pagesOf } from './pages';
import { PlaceLink } from './place-link';
import { useReach } from './reach';
import { refOf } from './record-ref';
import { setCredential } from './session';
import { useWords } from './words';

interface ShellProps {
  viewer: Viewer;
  place: Place;
  preferences: Preferences;
  children: ReactNode;
}

/** The frame of every page. */
export function Shell({ viewer, place, preferences, children }: ShellProps) {
  const { say } = useWords();
  const { isLost } = useReach();
  const { name, id } = viewer.principal;
  const current = pageOf(viewer, place);
  useTitle(current ? say(current.name) : '', place);
  return (
    <>
      <header className="bar">
        <h1>Claimcheck</h1>
        <nav aria-label="Claimcheck">
          {pagesOf(viewer).map((page, index) => (
            <PlaceLink
              key={page.name}
              to={{ ...nothingOf(place), page: index === 0 ? null : page.name }}
              isCurrent={page === current}
            >
              {say(page.name)}
            </PlaceLink>
          ))}
          <a href="explorer">{say('explorer')}</a>
        </nav>
        <span className="who">
          <bdi>{name ?? id}</bdi>
        </span>
        <PreferenceButtons {...preferences} />
        <Button onPress={() => setCredential('')}>{say('signOut')}</Button>
      </header>
      <p className="lost" role="status">
        {isLost && say('lost')}
      </p>
      <main>{children}</main>
    </>
  );
}

/** Names the page in the tab, in the history, and to screen readers. */
function useTitle(page: string, place: Place): void {
  const record = page === '' ? null : refOf(place);
  const title = [record && `${record.type} ${record.id}`, page, 'Claimcheck'].filter(Boolean).join(' · ');
  useEffect(() => {
    document.title = title;
    return () => {
      document.title = 'Claimcheck';
    };
  }, [title]);
}

export function PreferenceButtons({ isDark, toggleTheme, toggleLanguage }: Preferences) {
  const { say, language } = useWords();
  return (
    <div className="preferences">
      <ToggleButton isSelected={isDark} onChange={toggleTheme}>
        {say('theme')}
      </ToggleButton>
      <Button onPress={toggleLanguage}>
        <span lang={language === 'de' ? 'en' : 'de'}>{say('language')}</span>
      </Button>
    </div>
  );
}
