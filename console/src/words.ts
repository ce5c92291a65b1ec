import { createContext, useContext } from 'react';

/** Words that several pages say. Each page has more of its own in its folder. */
const english = {
  signIn: 'Sign in',
  signOut: 'Sign out',
  credential: 'API key or token',
  credentialHint: 'This tab remembers it until it is closed.',
  refused: 'This credential is not accepted.',
  unreachable: 'The service cannot be reached.',
  loading: 'Loading…',
  files: 'Files',
  explorer: 'API explorer',
  status: 'Status',
  type: 'Type',
  all: 'All',
  retry: 'Try again',
  close: 'Close',
  download: 'Download',
  size: 'Size',
  copy: 'Copy',
  copied: 'Copied',
  cancel: 'Cancel',
  theme: 'Dark',
  language: 'Deutsch',
  APPROVED: 'Approved',
  PENDING: 'Being scanned',
  REJECTED: 'Rejected',
  SCAN_FAILED: 'Scan failed',
  rejected: 'Rejected',
  signature: 'Signature',
  created: 'Created',
  by: 'By',
  changed: 'Changed',
  id: 'Id',
  notFound: 'There is no such file, or it is not visible to you.',
  records: 'Records',
  quarantine: 'Quarantine',
  administration: 'Administration',
  showQuery: 'Show query',
  variables: 'Variables',
  noPermission: 'This credential may read nothing here.',
  lost: 'The service cannot be reached. This page goes on as soon as it can.',
  showMore: 'Show more',
};

type SharedWord = keyof typeof english;

const german: Record<SharedWord, string> = {
  signIn: 'Anmelden',
  signOut: 'Abmelden',
  credential: 'API-Schlüssel oder Token',
  credentialHint: 'Dieser Tab merkt ihn sich, bis er geschlossen wird.',
  refused: 'Dieser Zugang wird nicht angenommen.',
  unreachable: 'Der Dienst ist nicht erreichbar.',
  loading: 'Lädt…',
  files: 'Dateien',
  explorer: 'API-Explorer',
  status: 'Status',
  type: 'Typ',
  all: 'Alle',
  retry: 'Noch einmal versuchen',
  close: 'Schließen',
  download: 'Herunterladen',
  size: 'Größe',
  copy: 'Kopieren',
  copied: 'Kopiert',
  cancel: 'Abbrechen',
  theme: 'Dunkel',
  language: 'English',
  APPROVED: 'Freigegeben',
  PENDING: 'Wird geprüft',
  REJECTED: 'Abgelehnt',
  SCAN_FAILED: 'Prüfung gescheitert',
  rejected: 'Abgelehnt',
  signature: 'Signatur',
  created: 'Angelegt',
  by: 'Von',
  changed: 'Geändert',
  id: 'Id',
  notFound: 'Diese Datei gibt es nicht, oder sie ist für Sie nicht sichtbar.',
  records: 'Datensätze',
  quarantine: 'Quarantäne',
  administration: 'Verwaltung',
  showQuery: 'Abfrage zeigen',
  variables: 'Variablen',
  noPermission: 'Dieser Zugang darf hier nichts lesen.',
  lost: 'Der Dienst ist nicht erreichbar. Die Seite macht weiter, sobald er es ist.',
  showMore: 'Mehr zeigen',
};

export type Language = 'de' | 'en';

export const LanguageContext = createContext<Language>('en');

const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'] as const;

/** Units of time, the longest first, and their seconds. */
const spans = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
] as const;

type Words<Word extends string> = Record<Language, Record<Word, string>>;

/** Words, numbers and instants in the reader's language, instants in the reader's zone. */
function useWordsOf<Word extends string>(words: Words<Word>) {
  const language = useContext(LanguageContext);
  return {
    language,
    say: (word: Word): string => words[language][word],
    instant: (text: string): string =>
      new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short' }).format(new Date(text)),
    number: (value: number): string => new Intl.NumberFormat(language).format(value),
    /** The time from now, such as "in 3 days". */
    fromNow: (text: string): string => {
      const seconds = (Date.parse(text) - Date.now()) / 1_000;
      const [unit, length] = spans.find(([, size]) => Math.abs(seconds) >= size) ?? (['minute', 60] as const);
      return new Intl.RelativeTimeFormat(language).format(Math.round(seconds / length), unit);
    },
    bytes: (value: number): string => {
      const power = value < 1_000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(value) / 3));
      const unit = units[power] ?? 'byte';
      const digits = { style: 'unit', unit, maximumFractionDigits: 1 } as const;
      const options = power === 0 ? ({ ...digits, unitDisplay: 'long' } as const) : digits;
      return new Intl.NumberFormat(language, options).format(value / 1_000 ** power);
    },
  };
}

/** The hook of a page: it says the page's own words and the shared ones. */
export function pageWords<Own extends string>(
  ownEnglish: Record<Own, string>,
  ownGerman: Record<Own, string>,
) {
  const words: Words<Own | SharedWord> = {
    de: { ...german, ...ownGerman },
    en: { ...english, ...ownEnglish },
  };
  return () => useWordsOf(words);
}

export const useWords = () => useWordsOf({ de: german, en: english });
