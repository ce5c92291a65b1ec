import type { Door, DoorInput, SentFile } from '../../service/doors/doors.js';
import { ordinaryFile, type Refusal, type Stage } from '../../service/doors/stage.js';
import type { Client } from '../../support/client.js';

/** Something wrong with a creation, which can be had through more than one door. */
export interface Fault {
  name: string;
  refusal: Refusal | ((door: Door) => Refusal);
  /** The difference to an ordinary file of the door's. */
  file?: (file: SentFile) => Partial<SentFile>;
  input?: DoorInput;
  /** Makes what has to be there already; returns more of the input. */
  before?: (stage: Stage, door: Door) => Promise<DoorInput>;
  /** Who tries. Where the bytes come by a request of their own, somebody who may sends them. */
  as?: (stage: Stage) => Client;
  /** The members of `input.content` it can come with; all where nothing is said. */
  members?: readonly Door['member'][];
}

/** Tries the fault through the door: there must be a refusal, and nothing left of it. */
export async function tryFault(stage: Stage, door: Door, fault: Fault): Promise<Refusal> {
  const { refusal, as } = fault;
  const expected = typeof refusal === 'function' ? refusal(door) : refusal;
  const ordinary = ordinaryFile(door);
  const file = { ...ordinary, ...fault.file?.(ordinary) };
  const input = { ...fault.input, ...(await fault.before?.(stage, door)) };
  const client = as?.(stage) ?? stage.owner;
  await stage.expectRefusal(expected, () => door.create(client, file, input, as ? stage.owner : client));
  return expected;
}

export const canHave = ({ members }: Fault, { member }: Door): boolean => members?.includes(member) ?? true;

export const textMembers = ['base64', 'dataUrl'] as const;

export const refuse = (code: string, faults: string | readonly string[], limit?: number): Refusal => ({
  code,
  faults: typeof faults === 'string' ? [faults] : faults,
  ...(limit === undefined ? {} : { limit }),
});
