import { v7 as uuidv7 } from 'uuid';
import { OrganizationRow } from '../../../src/database/entities/organization.js';
import { openTestDatabase } from '../../support/test-database.js';

/** Another organization in a running service's database. */
export async function insertOrganization(dataDirectory: string, id = uuidv7()): Promise<string> {
  const database = await openTestDatabase(dataDirectory);
  await database.write((manager) =>
    manager.insert(OrganizationRow, { id, name: 'other', createdAt: new Date() }),
  );
  await database.close();
  return id;
}
