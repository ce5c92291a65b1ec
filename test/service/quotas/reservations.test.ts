import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { OrganizationRow, ReservationRow } from '../../../src/database/entities/organization.js';
import { newId } from '../../../src/new-id.js';
import { Reservations } from '../../../src/quotas/reservations.js';
import { makeTemporaryDirectory } from '../../support/temporary-directory.js';
import { openTestDatabase } from '../../support/test-database.js';

const deadAfterMs = 20;

test('room that grows is a living process’s, and that of a dead one is given back', async () => {
  const directory = await makeTemporaryDirectory();
  const database = await openTestDatabase(directory);
  const [own, others] = [new Reservations(database), new Reservations(database, { deadAfterMs })];
  const [id, organizationId] = [newId(), newId()];
  const grow = (bytes: number) =>
    database.write((manager) => own.write(manager, { id, organizationId, bytes }));
  const look = async () => {
    await sleep(2 * deadAfterMs);
    await others.dropDead();
    return (await database.read.findBy(ReservationRow, { id })).map(({ bytes }) => bytes);
  };
  await database.write((manager) =>
    manager.insert(OrganizationRow, { id: organizationId, name: 'one', createdAt: new Date() }),
  );
  for (let bytes = 1; bytes <= 4; bytes += 1) {
    await grow(bytes);
    expect(await look()).toEqual([bytes]);
  }
  expect(await look()).toEqual([]);
  await database.close();
  await rm(directory, { recursive: true, force: true });
});
