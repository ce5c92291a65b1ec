import { pageWords } from '../words';

export const useFilesWords = pageWords(
  {
    search: 'Search by name',
    order: 'Order',
    images: 'Images',
    videos: 'Videos',
    audio: 'Audio',
    pdf: 'PDF',
    texts: 'Text',
    newest: 'Newest first',
    oldest: 'Oldest first',
    byName: 'By name',
    largest: 'Largest first',
    clearFilters: 'Clear filters',
    noFiles: 'There are no files yet. Drop some here.',
    noMatches: 'No file matches.',
    more: 'More files are being loaded',
    upload: 'Upload files',
    dropHere: 'Drop files to upload them',
  },
  {
    search: 'Nach Namen suchen',
    order: 'Reihenfolge',
    images: 'Bilder',
    videos: 'Videos',
    audio: 'Audio',
    pdf: 'PDF',
    texts: 'Text',
    newest: 'Neueste zuerst',
    oldest: 'Älteste zuerst',
    byName: 'Nach Namen',
    largest: 'Größte zuerst',
    clearFilters: 'Filter aufheben',
    noFiles: 'Es gibt noch keine Dateien. Legen Sie welche hier ab.',
    noMatches: 'Keine Datei passt.',
    more: 'Weitere Dateien werden geladen',
    upload: 'Dateien hochladen',
    dropHere: 'Dateien zum Hochladen hier ablegen',
  },
);

export type FilesWord = Parameters<ReturnType<typeof useFilesWords>['say']>[0];
