import type { ComponentType } from 'react';
import type { Api } from './api';
import type { Viewer } from './app';
import { FilesPage } from './files/files-page';
import { late } from './late';
import type { Place } from './location';

export interface PageProps {
  api: Api;
  viewer: Viewer;
  place: Place;
}

interface Page {
  /** The value of `page` in the address, and the word of its link. */
  name: 'files' | 'records' | 'quarantine' | 'administration';
  /** Permissions; a credential that has none of them does not see the page. */
  needs: readonly string[];
  /** Any but the first is loaded when somebody goes there. */
  Content: ComponentType<PageProps>;
}

const RecordsPage = late(async () => (await import('./records/records-page')).RecordsPage);
const QuarantinePage = late(async () => (await import('./quarantine/quarantine-page')).QuarantinePage);
const AdministrationPage = late(
  async () => (await import('./administration/administration-page')).AdministrationPage,
);

/** All pages, in the order of their links. */
export const pages: readonly Page[] = [
  { name: 'files', needs: ['attachments:read'], Content: FilesPage },
  { name: 'records', needs: ['attachments:read'], Content: RecordsPage },
  { name: 'quarantine', needs: ['attachments:read'], Content: QuarantinePage },
  {
    name: 'administration',
    needs: ['attachments:read', 'attachments:admin', 'keys:admin'],
    Content: AdministrationPage,
  },
];

/** The pages that a credential may see. */
export const pagesOf = ({ permissions }: Viewer): readonly Page[] =>
  pages.filter(({ needs }) => needs.some((need) => permissions.includes(need)));

/** The page that the address names, or the first one if it names none that there is. Undefined if the viewer may not see it. */
export function pageOf(viewer: Viewer, place: Place): Page | undefined {
  const allowed = pagesOf(viewer);
  const named = pages.find(({ name }) => name === place['page']);
  return named ? allowed.find((page) => page === named) : allowed[0];
}
