import type { EntityMetadata, EntityTarget, ObjectLiteral, QueryRunner } from 'typeorm';
import type { BlobBody } from './blob-bodies.js';
import { BlobRow } from './entities/blob.js';

/** A new row that refers to none but those before it. */
export interface NewRow {
  entity: EntityTarget<ObjectLiteral>;
  row: ObjectLiteral;
}

/** Rows that need nothing but to be there, of one creation. */
export interface Creation {
  rows: readonly NewRow[];
  body: BlobBody | null;
}

/** Text that JSON escapes, and that SQLite reads otherwise than the driver does: U+0000, and halves of characters. */
const readOtherwise = /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])/i;

/**
 * Inserts the rows of many creations by one statement, which is one trip to the thread pool and one commit. A view takes them
 * as JSON, and its trigger inserts them; the columns come from the entities. All are inserted, or it throws and none is: also if
 * a key has been swept.
 */
export class CreationStatement {
  readonly #runner: QueryRunner;
  readonly #tables: readonly EntityMetadata[];

  private constructor(runner: QueryRunner, tables: readonly EntityMetadata[]) {
    this.#runner = runner;
    this.#tables = tables;
  }

  /** Makes the view on the runner's connection, for rows of these entities in this order. */
  static async prepare(
    runner: QueryRunner,
    entities: readonly EntityTarget<ObjectLiteral>[],
  ): Promise<CreationStatement> {
    const tables = entities.map((entity) => runner.connection.getMetadata(entity));
    await runner.query('CREATE TEMP VIEW IF NOT EXISTS creations (tables, bodies) AS SELECT NULL, NULL');
    await runner.query(`CREATE TEMP TRIGGER IF NOT EXISTS create_rows INSTEAD OF INSERT ON creations BEGIN
      ${refuseSwept(tables)} ${tables.map(insertAll).join('\n')} ${insertBodies(tables.length)} END`);
    return new CreationStatement(runner, tables);
  }

  async run(creations: readonly Creation[]): Promise<void> {
    const rows = creations.flatMap((creation) => creation.rows);
    // Before them stands a byte: no bytes at all would be NULL.
    const bodies: Uint8Array[] = [Buffer.alloc(1)];
    let end = 1;
    const places = creations.flatMap(({ body }) => {
      if (!body) return [];
      bodies.push(body.body);
      const place = [body.blobId, end + 1, body.body.byteLength];
      end += body.body.byteLength;
      return [place];
    });
    const tables = this.#tables.map((table) =>
      rows.filter(({ entity }) => entity === table.target).map(({ row }) => this.#valuesOf(table, row)),
    );
    const json = JSON.stringify([...tables, places]);
    if (readOtherwise.test(json)) throw new Error('There is text that only a statement of its own takes.');
    await this.#runner.query('INSERT INTO creations (tables, bodies) VALUES (?, ?)', [
      json,
      Buffer.concat(bodies),
    ]);
  }

  #valuesOf({ columns }: EntityMetadata, row: ObjectLiteral): unknown[] {
    const { driver } = this.#runner.connection;
    return columns.map((column) => driver.preparePersistentValue(row[column.propertyName], column));
  }
}

const eachOf = (index: number) => `json_each(new.tables, '$[${index}]')`;

function insertAll({ tableName, columns }: EntityMetadata, index: number): string {
  const names = columns.map(({ databaseName }) => `"${databaseName}"`).join();
  const values = columns.map((_, position) => `value ->> ${position}`).join();
  return `INSERT INTO "${tableName}" (${names}) SELECT ${values} FROM ${eachOf(index)};`;
}

function insertBodies(index: number): string {
  return `INSERT INTO blob_bodies (blob_id, body)
    SELECT value ->> 0, substr(new.bodies, value ->> 1, value ->> 2) FROM ${eachOf(index)};`;
}

function refuseSwept(tables: readonly EntityMetadata[]): string {
  const index = tables.findIndex(({ target }) => target === BlobRow);
  const key = tables[index]?.columns.findIndex(({ propertyName }) => propertyName === 'documentKey');
  return `SELECT RAISE(ABORT, 'swept') FROM ${eachOf(index)} JOIN swept_keys ON document_key = value ->> ${key};`;
}
