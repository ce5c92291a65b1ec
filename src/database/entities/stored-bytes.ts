import { Column, Entity, Index, idColumn, instantColumn, PrimaryColumn, textColumn } from '../typeorm.js';

/*
 * The upkeep of the storage: which of its bytes are on their way to a row, and which have none and go.
 */

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
