import type { DoorInput } from '../../service/doors/doors.js';
import { ordinaryFile } from '../../service/doors/stage.js';
import { Client } from '../../support/client.js';
import { base64Faults, contentFaults } from './content-faults.js';
import { type Fault, refuse, textMembers } from './try-fault.js';

const nameFault = (type: string, fileName: string, limit?: number): Fault => ({
  name: `INVALID_FILE_NAME ${type}`,
  input: { fileName },
  refusal: refuse('INVALID_FILE_NAME', `input.fileName: ${type}`, limit),
});

const nameFaults: Fault[] = [
  nameFault('control_character', 'a\u0007.txt'),
  nameFault('bidi_override', 'a\u202etxt.exe'),
  nameFault('lone_surrogate', 'a\ud800.txt'),
  nameFault('path', '../a.txt'),
  nameFault('empty', ' ... '),
  nameFault('reserved_name', 'CON.txt'),
  nameFault('too_long', 'x'.repeat(256), 255),
  {
    name: "INVALID_FILE_NAME of the content's own name",
    file: () => ({ name: 'aux.bin' }),
    refusal: refuse('INVALID_FILE_NAME', 'input.fileName: reserved_name'),
  },
  {
    name: 'INVALID_FILE_NAME for want of any',
    file: () => ({ name: null }),
    refusal: refuse('INVALID_FILE_NAME', 'input.fileName: empty'),
    members: ['upload', ...textMembers],
  },
];

const badInput = (name: string, input: DoorInput, fault: string, limit?: number): Fault => ({
  name: `BAD_USER_INPUT ${name}`,
  input,
  refusal: refuse('BAD_USER_INPUT', fault, limit),
});

const ofOtherShape = (name: string, input: DoorInput, place: string): Fault =>
  badInput(name, input, `${place}: bad_user_input`);

const record = { type: 'Free', id: '1' };

const inputFaults: Fault[] = [
  badInput('description', { description: 'd '.repeat(5_001) }, 'input.description: too_long', 10_000),
  badInput('metadata type', { metadata: { type: ' ' } }, 'input.metadata.type: empty'),
  badInput(
    'metadata attributes',
    { metadata: { type: 'AR', attributes: { a: 'x'.repeat(16_384) } } },
    'input.metadata.attributes: too_long',
    16_384,
  ),
  badInput('record id', { record: { type: 'Free', id: '' } }, 'input.record.id: empty'),
  badInput(
    'record id length',
    { record: { ...record, id: 'x'.repeat(256) } },
    'input.record.id: too_long',
    255,
  ),
  badInput('record id controls', { record: { ...record, id: 'a\0' } }, 'input.record.id: control_character'),
  badInput('field name', { record, field: ' ' }, 'input.field: empty'),
  badInput('field without a record', { field: 'files' }, 'input.field: missing_record'),
  badInput('unknown policy', { policy: 'nobody knows' }, 'input.policy: unknown_policy'),
  badInput(
    'record type that is not eligible',
    { record: { type: 'Other', id: '1' } },
    'input.record.type: record_type_not_eligible',
  ),
  badInput('content type', { contentType: 'nonsense' }, 'input.contentType: invalid_media_type'),
  badInput(
    'digest',
    { digest: { algorithm: 'MD5', hash: 'x'.repeat(32) } },
    'input.digest.hash: invalid_digest',
  ),
  badInput('idempotency key', { idempotencyKey: '' }, 'input.idempotencyKey: out_of_range', 255),
  ofOtherShape('unknown member', { nonsense: 1 }, 'input'),
  ofOtherShape('unknown kind of content', { content: { carrierPigeon: '' } }, 'input.content'),
  {
    ...ofOtherShape('two kinds of content', {}, 'input.content'),
    before: async (_stage, { member }) => ({
      content: { [member === 'documentKey' ? 'base64' : 'documentKey']: '' },
    }),
  },
  {
    name: 'every fault at once',
    input: { fileName: 'a/b', description: 'd'.repeat(10_001), field: 'files', policy: 'nobody knows' },
    refusal: refuse(
      'INVALID_FILE_NAME',
      [
        'input.fileName: path',
        'input.description: too_long',
        'input.field: missing_record',
        'input.policy: unknown_policy',
      ],
      10_000,
    ),
  },
];

const stageFaults: Fault[] = [
  {
    name: 'TOO_MANY_ATTACHMENTS',
    before: async (stage) => {
      const taken = { record: { type: 'Single', id: stage.newName() }, field: 'file' };
      await stage.owner.upload({ content: 'first', name: 'first.txt' }, taken);
      return taken;
    },
    refusal: refuse('TOO_MANY_ATTACHMENTS', 'input.field: too_many', 1),
  },
  {
    name: 'IDEMPOTENCY_CONFLICT',
    before: async (stage, door) => {
      const idempotencyKey = stage.newName();
      const { errors } = await door.create(stage.owner, ordinaryFile(door), { idempotencyKey });
      if (errors) throw new Error(JSON.stringify(errors));
      return { idempotencyKey, description: 'other' };
    },
    refusal: refuse('IDEMPOTENCY_CONFLICT', 'input.idempotencyKey: idempotency_conflict'),
  },
  {
    name: 'FORBIDDEN',
    as: ({ reader }) => reader,
    refusal: refuse('FORBIDDEN', ': missing_permission'),
  },
  {
    name: 'UNAUTHENTICATED',
    as: ({ owner }) => new Client(owner.url, null),
    refusal: refuse('UNAUTHENTICATED', []),
  },
];

/** Faults that can be had through more than one door. */
export const faults: readonly Fault[] = [
  ...nameFaults,
  ...inputFaults,
  ...contentFaults,
  ...base64Faults,
  ...stageFaults,
];
