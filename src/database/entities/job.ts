import {
  Column,
  Entity,
  Index,
  idColumn,
  instantColumn,
  jsonColumn,
  PrimaryColumn,
  textColumn,
} from '../typeorm.js';

/** EXHAUSTED: its last attempt has failed, and it is kept to be seen. */
export type JobState = 'WAITING' | 'RUNNING' | 'EXHAUSTED';

/** Work to be done after the answer. It is gone once it has succeeded. */
@Entity('jobs')
@Index('ix_jobs_due', ['state', 'kind', 'runAt', 'id'])
@Index('ix_jobs_key', ['key', 'state'])
export class JobRow {
  @PrimaryColumn(idColumn('id'))
  id!: string;

  @Column(textColumn('kind', 64))
  kind!: string;

  @Column({ ...textColumn('key', 128), nullable: true })
  key!: string | null;

  @Column(jsonColumn('payload'))
  payload!: object;

  @Column(textColumn('state', 16))
  state!: JobState;

  @Column(instantColumn('run_at'))
  runAt!: Date;

  /** Attempts begun. */
  @Column({ type: 'integer', name: 'attempts' })
  attempts!: number;

  @Column({ type: 'text', name: 'last_error', nullable: true })
  lastError!: string | null;

  /** The process that runs it. */
  @Column({ ...idColumn('locked_by'), nullable: true })
  lockedBy!: string | null;

  /** Until when that process is taken to be alive. */
  @Column({ ...instantColumn('locked_until'), nullable: true })
  lockedUntil!: Date | null;

  @Column(instantColumn('created_at'))
  createdAt!: Date;

  @Column({ ...instantColumn('failed_at'), nullable: true })
  failedAt!: Date | null;
}

/** How far a regular look through the storage has come. */
@Entity('sweeps')
export class SweepRow {
  @PrimaryColumn(textColumn('name', 32))
  name!: string;

  /** Hour partitions before this have been looked through. */
  @Column(instantColumn('swept_until'))
  sweptUntil!: Date;
}

/** A key that the sweep has found without a row. From then on no blob may be made of it: its bytes go, or have gone. */
@Entity('swept_keys')
@Index('ix_swept_keys_swept_at', ['sweptAt'])
export class SweptKeyRow {
  @PrimaryColumn(textColumn('document_key', 128))
  documentKey!: string;

  @Column(instantColumn('swept_at'))
  sweptAt!: Date;
}

/** Bytes that must go: written with the deletion of their blob, gone once the storage has removed them. */
@Entity('removals')
export class RemovalRow {
  @PrimaryColumn(textColumn('document_key', 128))
  documentKey!: string;

  @Column(instantColumn('created_at'))
  createdAt!: Date;
}

/**
 * Content that has been on its way for a while, to no row as yet or to a client. Written and renewed by the process that takes it in
 * or sends it. Several may do so: each has a row, so that the first to end leaves the others theirs.
 */
@Entity('intakes')
export class IntakeRow {
  @PrimaryColumn(textColumn('document_key', 128))
  documentKey!: string;

  /** Empty in rows of versions that had one row for all who held the same content. */
  @PrimaryColumn({ ...idColumn('lease_id'), default: '' })
  leaseId!: string;

  /** Grows by one with each renewal. No instant: a clock may be set. */
  @Column({ type: 'integer', name: 'beat' })
  beat!: number;
}

/** The process that reads stored bytes again, for as long as it has the work to itself. There is one such row. */
@Entity('scrubs')
export class ScrubRow {
  @PrimaryColumn(textColumn('name', 32))
  name!: string;

  /** Another process takes the work over from then on. */
  @Column(instantColumn('held_until'))
  heldUntil!: Date;
}
