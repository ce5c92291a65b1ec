import { pageWords } from '../words';

export const useFileWords = pageWords(
  {
    facts: 'Facts',
    pixels: 'Pixels',
    key: 'Document key',
    usedIn: 'Used in',
    notUsed: 'No record uses it.',
    owner: 'owner',
    position: 'position',
    expires: 'Will be deleted',
    expiresUnused: 'It is neither claimed nor linked.',
    expiresUnlinked: 'It was unlinked from its last field.',
    keeps: 'It stays until somebody deletes it.',
    description: 'Description',
    noPreview: 'There is no preview.',
  },
  {
    facts: 'Angaben',
    pixels: 'Pixel',
    key: 'Dokumentschlüssel',
    usedIn: 'Verwendet in',
    notUsed: 'Kein Datensatz verwendet sie.',
    owner: 'Eigentümer',
    position: 'Position',
    expires: 'Wird gelöscht',
    expiresUnused: 'Niemand hat sie beansprucht oder verknüpft.',
    expiresUnlinked: 'Sie wurde aus ihrem letzten Feld gelöst.',
    keeps: 'Sie bleibt, bis jemand sie löscht.',
    description: 'Beschreibung',
    noPreview: 'Es gibt keine Vorschau.',
  },
);
