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
