import type { DocumentNode } from 'graphql';
import type { EntityManager } from 'typeorm';
import { beforeLists, createLoaders, type Loaders } from '../access/loaders.js';
import { RecordAccess } from '../access/record-access.js';
import type { RecordAuthorizer } from '../access/record-authorizer.js';
import type { WatchTarget } from '../attachments/watch-attachments.js';
import type { KeyRevocations, KnownKeys } from '../auth/api-keys.js';
import type { AttachmentUrls } from '../auth/attachment-urls.js';
import type { ArchiveUrls, PreviewUrls } from '../auth/derived-urls.js';
import type { Need, Viewer } from '../auth/viewer.js';
import type { Lifetimes } from '../config/limit-settings.js';
import type { Database } from '../database/database.js';
import { AttachmentError } from '../errors.js';
import type { Inlining } from '../intake/from-stream.js';
import type { Hasher, UploadMeter } from '../intake/hash-content.js';
import type { Intake } from '../intake/intake.js';
import type { IntakeLeases } from '../intake/intake-leases.js';
import type { UnusedTargetLimits } from '../intake/unused-targets.js';
import type { Jobs } from '../jobs/jobs.js';
import type { AnswerClient, AnswerSpace, HeldSpace } from '../limits/answer-space.js';
import { networksOf } from '../limits/networks.js';
import { principalKey } from '../limits/places.js';
import type { TurnKey, Turns } from '../limits/turns.js';
import type { MarkdownRenderer } from '../markdown/markdown-renderer.js';
import type { Changes } from '../model/changes.js';
import type { StoredAttachment } from '../model/stored-attachment.js';
import type { PolicyBook } from '../policies/load-policies.js';
import type { Previews } from '../previews/previews.js';
import type { Quotas } from '../quotas/quotas.js';
import type { ReceiptSigner } from '../receipts/receipt.js';
import type { Scanner } from '../scanner/scanner.js';
import type { Storage } from '../storage/storage.js';
import type { VerdictWebhooks } from '../verdicts/record-verdict.js';
import type { VerdictWatch } from '../verdicts/verdict-watch.js';
import type { CheckWebhooksDependencies } from '../webhooks/check-webhooks.js';
import { AnswerBudget } from './cost/answer-budget.js';
import { type Cost, free, type QueryLimits } from './cost/query-limits.js';
import {
  createDescriptionLoader,
  createRecordLists,
  type DescriptionLoader,
  type RecordLists,
} from './field-loaders.js';
import type { ScreenedOperation } from './screen-operation.js';

/** The dependencies of the verbs, which resolvers hand on. */
export interface GraphqlDependencies extends Lifetimes, CheckWebhooksDependencies {
  database: Database;
  storage: Storage;
  hasher: Hasher;
  renderer: Pick<MarkdownRenderer, 'render'>;
  leases: IntakeLeases;
  inlining: Inlining;
  clock: () => Date;
  policies: PolicyBook;
  quotas: Quotas;
  jobs: Pick<Jobs, 'enqueue' | 'asRow'>;
  scanner: Pick<Scanner, 'isActive'>;
  webhooks: VerdictWebhooks;
  changes: Changes;
  verdictWatch: VerdictWatch;
  recordAuthorizer: RecordAuthorizer;
  urls: AttachmentUrls & ArchiveUrls;
  previewUrls: PreviewUrls;
  previews: Pick<Previews, 'measure' | 'find'>;
  receipts: ReceiptSigner;
  keys: Pick<KnownKeys, 'isKeyGood'>;
  revocations: KeyRevocations;
  uploadMeter: UploadMeter;
  /** The URL that takes the bytes of an upload target. */
  uploadUrl(targetId: string): string;
  shareUrl(token: string): string;
  /** Whether share links may be made and used. */
  shareLinks: boolean;
  unusedTargets: UnusedTargetLimits;
  maxFileSize: number;
  maxInlineSize: number;
  maxFiles: number;
  queryLimits: QueryLimits;
  /** Whether the schema is told to whoever has no credential. */
  introspection: boolean;
  turns: Turns;
  answerSpace: AnswerSpace;
  /** Told of bytes that could not be removed now; they stay due. */
  onRemovalDelayed(error: unknown): void;
}

/** Facts about one request. */
export interface RequestFacts {
  /** Null without a credential: good for introspection only. */
  viewer: Viewer | null;
  /** The need that the viewer has been found to meet, before the body was read. */
  metNeed?: Need;
  /** Everything taken in for this request; what no attachment uses in the end is removed. */
  taken: Intake[];
  /** The valid document that is executed; null if the server has to say why there is none. */
  screened: ScreenedOperation | null;
  /** The client's IP address. */
  address: string;
  /** The answer, if it is too large to be written in one go. */
  pieces: Buffer[] | null;
  /** Calls back once the answer has been sent or its client has gone. Left out where no answer waits for its client. */
  onClosed?(callback: () => void): void;
  /** Logs, under the request's id, what its answer masks. */
  logError(error: unknown): void;
  /** Left out where nothing can be subscribed to. */
  watch?(target: WatchTarget): Promise<AsyncIterable<StoredAttachment>>;
}

/** The state that all resolvers of one operation share. Apollo hands them a clone, so nothing in it is `#private`. */
export class GraphqlContext {
  private madeLoaders: Loaders | null = null;
  private madeAccess: RecordAccess | null = null;
  private madeDescriptions: DescriptionLoader | null = null;
  private madeRecordLists: RecordLists | null = null;
  private isWriting = false;
  readonly budget: AnswerBudget;
  /** The manager that resolvers read rows from. */
  reader: EntityManager;

  constructor(
    readonly deps: GraphqlDependencies,
    private readonly facts: RequestFacts,
  ) {
    this.reader = deps.database.read;
    const client = clientOf(facts);
    this.budget = new AnswerBudget({
      limits: deps.queryLimits,
      turns: deps.turns,
      key: turnOf(facts.viewer),
      reserve: reserveIn(deps.answerSpace, client, facts),
    });
  }

  /** Who asks. Throws UNAUTHENTICATED without a credential. */
  get viewer(): Viewer {
    if (!this.facts.viewer) throw new AttachmentError('UNAUTHENTICATED');
    return this.facts.viewer;
  }

  /** For operations that change nothing. */
  async useReplica(): Promise<void> {
    this.reader = await this.deps.database.reader();
  }

  /** For operations that change something: their answers do not fail because lists wait. */
  startWriting(): void {
    this.isWriting = true;
  }

  /** Runs a list or a count, which may search through many rows, beside those of other organizations. */
  list<T>(work: (read: EntityManager) => Promise<T>): Promise<T> {
    return this.deps.database.list(this.viewer.organizationId, this.reader, work);
  }

  get metNeed(): Need | null {
    return this.facts.metNeed ?? null;
  }

  get document(): DocumentNode | null {
    return this.facts.screened?.document ?? null;
  }

  /** The part of its cost that is introspection. */
  get introspection(): Cost {
    return this.facts.screened?.introspection ?? free;
  }

  set pieces(pieces: Buffer[]) {
    this.facts.pieces = pieces;
  }

  get taken(): Intake[] {
    return this.facts.taken;
  }

  /** Loads for the items of a list begin once all items that are ready have asked. */
  private readonly schedule = (dispatch: () => void) => this.budget.afterItems(dispatch);

  get loaders(): Loaders {
    const { database } = this.deps;
    const lists = this.isWriting ? beforeLists(database) : database;
    this.madeLoaders ??= createLoaders(lists, this.reader, this.viewer, this.schedule);
    return this.madeLoaders;
  }

  get descriptions(): DescriptionLoader {
    const { bytes } = this.deps.queryLimits;
    this.madeDescriptions ??= createDescriptionLoader(this.reader, this.viewer, bytes, this.schedule);
    return this.madeDescriptions;
  }

  get recordLists(): RecordLists {
    const list = <T>(work: (lists: EntityManager) => Promise<T>) => this.list(work);
    this.madeRecordLists ??= createRecordLists(list, this.viewer, this.schedule);
    return this.madeRecordLists;
  }

  get access(): RecordAccess {
    this.madeAccess ??= new RecordAccess(this.deps.recordAuthorizer, this.viewer, () => this.loaders);
    return this.madeAccess;
  }

  /**
   * Notes that a list within the answer may have so many items. How long those are that take no `first`, only the rows tell:
   * once all lists together pass the cost of an operation, this throws QUERY_TOO_COMPLEX.
   */
  spend(items: number): void {
    if (!this.budget.spend(items, 0) && this.budget.fault) throw this.budget.fault;
  }

  logError(error: unknown): void {
    this.facts.logError(error);
  }

  /** The changes of the target from now on. Throws if the client cannot subscribe this way. */
  watch(target: WatchTarget): Promise<AsyncIterable<StoredAttachment>> {
    if (!this.facts.watch)
      throw new AttachmentError('BAD_USER_INPUT', { message: 'Nothing is told this way.' });
    return this.facts.watch(target);
  }
}

/** Whoever has no credential shares one row: there may be many addresses. */
export function turnOf(viewer: Viewer | null): TurnKey {
  if (!viewer) return { group: '', id: '' };
  return { group: viewer.organizationId, id: viewer.principal.id };
}

function clientOf({ viewer, address }: RequestFacts): AnswerClient {
  if (viewer) {
    const { organizationId, principal } = viewer;
    return { kind: 'known', id: principalKey(organizationId, principal.id), group: organizationId };
  }
  const networks = networksOf(address).map(({ key }) => key);
  return { kind: 'anonymous', id: networks[0] ?? '', group: networks.at(-1) ?? '' };
}

function reserveIn(space: AnswerSpace, client: AnswerClient, facts: RequestFacts) {
  const { onClosed } = facts;
  if (!onClosed) return () => {};
  let held: HeldSpace | null = null;
  return (bytes: number): void => {
    if (!held) {
      held = space.hold(client);
      onClosed(held.release);
    }
    held.take(bytes);
  };
}
