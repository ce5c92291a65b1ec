import type { ReactNode } from 'react';
import { Button, ToggleButton } from 'react-aria-components';
import type { Preferences, Viewer } from './app';
import { setCredential } from './session';
import { useWords } from './words';

/** The frame of every page. */
export function Shell({
  viewer,
  preferences,
  children,
}: {
  viewer: Viewer;
  preferences: Preferences;
  children: ReactNode;
}) {
  const { say } = useWords();
  const { name, id } = viewer.principal;
  return (
    <>
      <header className="bar">
        <h1>Claimcheck</h1>
        <span className="who">
          <bdi>{name ?? id}</bdi>
        </span>
        <nav aria-label="Claimcheck">
          <a href="explorer">{say('explorer')}</a>
        </nav>
        <PreferenceButtons {...preferences} />
        <Button onPress={() => setCredential('')}>{say('signOut')}</Button>
      </header>
      <main>{children}</main>
    </>
  );
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
