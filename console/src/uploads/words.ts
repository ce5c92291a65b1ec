import { pageWords } from '../words';

export const useUploadsWords = pageWords(
  {
    uploads: 'Uploads',
    clear: 'Clear list',
    waiting: 'Waiting',
    uploading: 'Uploading',
    done: 'Stored',
    failed: 'Failed',
    aborted: 'Cancelled',
  },
  {
    uploads: 'Uploads',
    clear: 'Liste leeren',
    waiting: 'Wartet',
    uploading: 'Lädt hoch',
    done: 'Gespeichert',
    failed: 'Fehlgeschlagen',
    aborted: 'Abgebrochen',
  },
);
