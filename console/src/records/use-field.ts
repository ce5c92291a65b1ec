import { useState } from 'react';
import { type Api, RefusedError } from '../api';
import type { RecordRef } from '../record-ref';
import { refusalFrom } from '../use-answer';
import { FieldDocument, type FieldFragment, type LinkAttachmentsInput, LinkDocument } from './graphql';

export type FieldFile = FieldFragment['links'][number]['attachment'];

/** Two orders of one field: the one that was to be stored, and the one that somebody else has stored before. */
export interface Conflict {
  mine: readonly FieldFile[];
  theirs: FieldFragment;
}

export interface FieldState {
  files: readonly FieldFile[];
  isSaving: boolean;
  error: RefusedError | null;
  conflict: Conflict | null;
  /** Stores this order, and nothing if the field has changed since it was shown. */
  reorder(files: readonly FieldFile[]): void;
  add(ids: readonly string[]): Promise<boolean>;
  remove(id: string): void;
  /** Stores these files over those of the other side; null leaves theirs. */
  resolve(files: readonly FieldFile[] | null): void;
}

const filesOf = ({ links }: FieldFragment): FieldFile[] => links.map(({ attachment }) => attachment);
const idsOf = (files: readonly FieldFile[]): string[] => files.map(({ id }) => id);
const isSame = (one: readonly FieldFile[], other: readonly FieldFile[]) =>
  idsOf(one).join() === idsOf(other).join();

/** My order of all files that the other side has left in the field, and those that it has added behind them. */
export function mergeOrders({ mine, theirs }: Conflict): FieldFile[] {
  const kept = new Set(idsOf(filesOf(theirs)));
  const known = new Set(idsOf(mine));
  return [...mine.filter(({ id }) => kept.has(id)), ...filesOf(theirs).filter(({ id }) => !known.has(id))];
}

interface UseField {
  api: Api;
  record: RecordRef;
  /** As it was read last. */
  read: FieldFragment;
  onChanged: () => void;
}

/** A field as the page shows it: at once as it is wanted, and as the service has it if that fails. */
export function useField({ api, record, read, onChanged }: UseField): FieldState {
  const [saved, setSaved] = useState(read);
  const [wanted, setWanted] = useState<readonly FieldFile[] | null>(null);
  const [error, setError] = useState<RefusedError | null>(null);
  const [conflict, setConflict] = useState<Conflict | null>(null);
  const latest = saved.version > read.version ? saved : read;

  const change = async (input: Omit<LinkAttachmentsInput, 'record' | 'field'>): Promise<boolean> => {
    setError(null);
    try {
      const { linkAttachments } = await api.change(LinkDocument, {
        input: { ...input, record, field: latest.name },
      });
      if (linkAttachments) setSaved(linkAttachments.field);
      onChanged();
      return true;
    } catch (refusal) {
      setError(refusalFrom(refusal));
      if (refusal instanceof RefusedError && refusal.code === 'VERSION_CONFLICT') await compare(input);
      return false;
    } finally {
      setWanted(null);
    }
  };
  const compare = async ({ attachmentIds }: Pick<LinkAttachmentsInput, 'attachmentIds'>): Promise<void> => {
    try {
      const theirs = (await api.ask(FieldDocument, { ...record, field: latest.name })).record.field;
      const known = new Map(
        [...filesOf(latest), ...filesOf(theirs), ...(conflict?.mine ?? [])].map((file) => [file.id, file]),
      );
      const mine = attachmentIds.flatMap((id) => known.get(String(id)) ?? []);
      setError(null);
      setSaved(theirs);
      setConflict(isSame(mine, filesOf(theirs)) ? null : { mine, theirs });
      onChanged();
    } catch (refusal) {
      setError(refusalFrom(refusal));
    }
  };
  const replace = (files: readonly FieldFile[], expectedVersion: number) => {
    setWanted(files);
    void change({ attachmentIds: idsOf(files), mode: 'REPLACE', expectedVersion });
  };
  return {
    files: wanted ?? filesOf(latest),
    isSaving: wanted !== null,
    error,
    conflict,
    reorder: (files) => replace(files, latest.version),
    add: (ids) => change({ attachmentIds: [...ids], mode: 'ADD' }),
    remove: (id) => void change({ attachmentIds: [id], mode: 'REMOVE' }),
    resolve: (files) => {
      if (files && conflict) replace(files, conflict.theirs.version);
      setConflict(null);
    },
  };
}
