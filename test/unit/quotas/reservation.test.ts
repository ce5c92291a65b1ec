import { Reservation, type Reservations } from '../../../src/quotas/reservations.js';

/** Reservations whose row is what was done last, as of a database that lets a deletion pass a write under way. */
function stage() {
  const state = { hasRow: false, isHeld: false };
  const writes: (() => void)[] = [];
  const reservations = {
    hold: () => {
      state.isHeld = true;
    },
    forget: () => {
      state.isHeld = false;
    },
    release: async () => {
      Object.assign(state, { hasRow: false, isHeld: false });
    },
  } satisfies Partial<Record<keyof Reservations, unknown>>;
  const grant = (_id: string, { bytes }: { bytes: number }) =>
    new Promise<number>((resolve) => {
      writes.push(() => {
        state.hasRow = true;
        resolve(bytes);
      });
    });
  return { state, writes, reservation: new Reservation(reservations as never, grant) };
}

test('room that is granted only after the content was given up is given back', async () => {
  const { state, writes, reservation } = stage();
  const first = reservation.grow(1);
  writes.shift()?.();
  await first;
  expect(state).toEqual({ hasRow: true, isHeld: true });
  const second = reservation.grow(2);
  await reservation.release();
  writes.shift()?.();
  await second;
  expect(state).toEqual({ hasRow: false, isHeld: false });
});
