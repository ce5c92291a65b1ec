import type { Api } from '../api';
import type { Place } from '../location';
import { refOf } from '../record-ref';
import { type Pages, usePages } from '../use-pages';
import {
  type AttachmentFilter,
  type AttachmentOrder,
  FilesDocument,
  type FilesQuery,
  type FilesQueryVariables,
} from './graphql';

export type ListedFile = FilesQuery['attachments']['nodes'][number];

/** Parameters of the address that say which files are shown. */
export const filterNames = ['q', 'status', 'type', 'record', 'creator', 'age', 'use', 'trash'] as const;

export const orders: Readonly<Record<string, AttachmentOrder>> = {
  newest: { field: 'CREATED_AT', direction: 'DESC' },
  oldest: { field: 'CREATED_AT', direction: 'ASC' },
  byName: { field: 'FILE_NAME', direction: 'ASC' },
  largest: { field: 'SIZE', direction: 'DESC' },
  smallest: { field: 'SIZE', direction: 'ASC' },
};

export const types: Readonly<Record<string, string[]>> = {
  images: ['image/*'],
  videos: ['video/*'],
  audio: ['audio/*'],
  pdf: ['application/pdf'],
  texts: ['text/*'],
};

export const statuses = ['APPROVED', 'PENDING', 'REJECTED', 'SCAN_FAILED'] as const;

/** Days, each for the files that are younger; `older` has those that are older than the last. */
export const ages: Readonly<Record<string, number>> = { day: 1, week: 7, month: 30, year: 365 };

const hour = 3_600_000;

/** An address may name anything, a member of all objects too. */
const memberOf = <T>(members: Readonly<Record<string, T>>, name: string): T | undefined =>
  Object.hasOwn(members, name) ? members[name] : undefined;

/** The conditions of an age. They change once in an hour, so that a list stays one. */
function conditionsOfAge(age: string): AttachmentFilter {
  const before = (days: number) =>
    new Date(Math.floor(Date.now() / hour) * hour - days * 24 * hour).toISOString();
  if (age === 'older') return { createdBefore: before(ages['year'] ?? 0) };
  const days = memberOf(ages, age);
  return days === undefined ? {} : { createdAfter: before(days) };
}

/** Files that nobody has claimed or linked expire; linked ones do not. Bytes that are damaged or gone are found by scrubbing. */
const uses: Readonly<Record<string, AttachmentFilter>> = {
  expiring: { claimed: false, linked: false },
  unlinked: { linked: false },
  linked: { linked: true },
  damaged: { damaged: true },
};

/** The conditions that an address names. */
function filterOf(place: Place): AttachmentFilter {
  const { q = '', status = '', type = '', creator = '', age = '', use = '', trash } = place;
  const found = statuses.find((one) => one === status);
  const record = refOf(place);
  const contentType = memberOf(types, type);
  return {
    ...(q === '' ? {} : { fileNameContains: q }),
    ...(found ? { status: [found] } : {}),
    ...(contentType ? { contentType } : {}),
    ...(record ? { record } : {}),
    ...(creator === '' ? {} : { createdBy: creator }),
    ...conditionsOfAge(age),
    ...memberOf(uses, use),
    ...(trash === undefined ? {} : { deleted: true }),
  };
}

/** The query that an address stands for. */
export function variablesOf(place: Place): FilesQueryVariables & { filter: AttachmentFilter } {
  return {
    filter: filterOf(place),
    orderBy: memberOf(orders, place['order'] ?? 'newest') ?? null,
    first: 50,
    size: place['view'] === 'grid' ? 256 : 128,
  };
}

/** The files that an address asks for, page by page. */
export function useFiles(api: Api, variables: FilesQueryVariables): Pages<ListedFile> {
  return usePages(
    JSON.stringify(variables),
    async (after) => (await api.ask(FilesDocument, { ...variables, after })).attachments,
  );
}
