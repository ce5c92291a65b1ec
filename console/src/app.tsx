import { Suspense, useEffect, useMemo, useState, useSyncExternalStore } from 'react';
import { I18nProvider } from 'react-aria-components';
import { type Api, createApi, RefusedError, unauthenticated } from './api';
import { ViewerDocument, type ViewerQuery } from './graphql';
import { usePlace } from './location';
import { pageOf } from './pages';
import { useLanguage, useTheme } from './preferences';
import { useReach } from './reach';
import {
  authorizationOf,
  isHeader,
  readCredential,
  readRefused,
  refuseCredential,
  setCredential,
  subscribe,
} from './session';
import { Shell } from './shell';
import { SignIn } from './sign-in';
import { UploadsProvider } from './uploads/uploads-provider';
import { refusalFrom } from './use-answer';
import { LanguageContext, useWords } from './words';

export type Viewer = ViewerQuery['viewer'];

export function App() {
  const [language, setLanguage] = useLanguage();
  const [theme, setTheme] = useTheme();
  useEffect(() => {
    document.documentElement.lang = language;
    document.documentElement.dataset['theme'] = theme;
  }, [language, theme]);
  const preferences = {
    isDark: theme === 'dark',
    toggleTheme: () => setTheme(theme === 'dark' ? 'light' : 'dark'),
    toggleLanguage: () => setLanguage(language === 'de' ? 'en' : 'de'),
  };
  return (
    <LanguageContext value={language}>
      <I18nProvider locale={language}>
        <Session preferences={preferences} />
      </I18nProvider>
    </LanguageContext>
  );
}

export interface Preferences {
  isDark: boolean;
  toggleTheme(): void;
  toggleLanguage(): void;
}

type Entered = { credential: string; viewer: Viewer | null; error: RefusedError | null };

const notAccepted = new RefusedError('', unauthenticated);

function Session({ preferences }: { preferences: Preferences }) {
  const credential = useSyncExternalStore(subscribe, readCredential);
  const wasRefused = useSyncExternalStore(subscribe, readRefused);
  const api = useMemo(() => createApi(credential), [credential]);
  const [entered, setEntered] = useState<Entered | null>(null);
  const [attempt, setAttempt] = useState(0);
  const place = usePlace();
  const { say } = useWords();
  const { returns } = useReach();
  useEffect(() => {
    const tell = (next: Entered) => setEntered((last) => (isKnown(last, next) ? last : next));
    return returns + attempt < 0 ? undefined : enter(api, credential, tell);
  }, [api, credential, returns, attempt]);
  const state = entered?.credential === credential ? entered : null;

  const signIn = (typed: string) => {
    setCredential(typed);
    // The same one, too, is tried again.
    setAttempt((last) => last + 1);
  };
  const refused = wasRefused ? notAccepted : (state?.error ?? null);
  if (credential === '' || refused) return <SignIn {...{ refused, preferences, signIn }} />;
  if (!state?.viewer) return <p className="notice">{say('loading')}</p>;
  const page = pageOf(state.viewer, place);
  return (
    <Shell viewer={state.viewer} place={place} preferences={preferences}>
      <UploadsProvider api={api} viewer={state.viewer}>
        <Suspense fallback={<p className="notice">{say('loading')}</p>}>
          {page ? (
            <page.Content api={api} viewer={state.viewer} place={place} />
          ) : (
            <p className="notice">{say('noPermission')}</p>
          )}
        </Suspense>
      </UploadsProvider>
    </Shell>
  );
}

/** Whether a page is shown already, which stays while the service cannot be reached. */
const isKnown = (last: Entered | null, { credential, error }: Entered) =>
  error !== null && error.code !== unauthenticated && last?.credential === credential && last.viewer !== null;

/** Asks who the credential is. The result ends it. */
function enter(api: Api, credential: string, tell: (entered: Entered) => void): (() => void) | undefined {
  if (credential === '') return undefined;
  if (!isHeader(authorizationOf(credential))) {
    refuseCredential(credential);
    return undefined;
  }
  let isOver = false;
  const tellUnlessOver = (entered: Omit<Entered, 'credential'>) => {
    if (!isOver) tell({ credential, ...entered });
  };
  api.ask(ViewerDocument, {}).then(
    ({ viewer }) => tellUnlessOver({ viewer, error: null }),
    (error: unknown) => tellUnlessOver({ viewer: null, error: refusalFrom(error) }),
  );
  return () => {
    isOver = true;
  };
}
