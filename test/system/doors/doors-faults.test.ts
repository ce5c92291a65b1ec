import { join } from 'node:path';
import { BlobRow } from '../../../src/database/entities/blob.js';
import { UploadTargetRow } from '../../../src/database/entities/upload-target.js';
import { errorTable } from '../../../src/errors.js';
import {
  bring,
  type Creation,
  createFrom,
  createMutation,
  documentKey,
  doors,
  openTarget,
  postForm,
  putTo,
  type Target,
  upload,
} from '../../service/doors/doors.js';
import {
  contentOf,
  mebibyte,
  ordinaryFile,
  policies,
  type Refusal,
  refusalOf,
  Stage,
} from '../../service/doors/stage.js';
import { Client } from '../../support/client.js';
import { report } from '../../support/report.js';
import { allStored } from '../../support/service.js';
import { faults } from './faults.js';
import { FragileStorage } from './fragile-storage.js';
import { canHave, tryFault } from './try-fault.js';

/** Faults that a creation cannot meet: a new attachment is nobody's yet, and nothing scans, counts or calls back. */
const unreachable = [
  'ALREADY_CLAIMED',
  'VERSION_CONFLICT',
  'NOT_APPROVED',
  'WEBHOOK_URI_NOT_ALLOWED',
  'RATE_LIMITED',
  'QUERY_TOO_COMPLEX',
  'AUTHORIZER_UNAVAILABLE',
  'INTERNAL_SERVER_ERROR',
];

const maxFiles = 3;
const met = new Set<string>();
let cells = 0;

function countCell({ code }: Pick<Refusal, 'code'>): void {
  met.add(code);
  cells += 1;
}

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.open(policies, { MAX_FILES: String(maxFiles) });
});
afterAll(async () => {
  report(`doors and faults: ${cells} cells, ${met.size} codes`);
  await stage[Symbol.asyncDispose]();
});

async function expectRefusal(refusal: Refusal, attempt: () => Promise<Creation>): Promise<void> {
  await stage.expectRefusal(refusal, attempt);
  countCell(refusal);
}

describe.each(doors)('$name', (door) => {
  test('takes an ordinary file', async () => {
    const file = ordinaryFile(door);
    await stage.expectCreation(file.content, () => door.create(stage.owner, file));
  });

  test.each(faults.filter((fault) => canHave(fault, door)))('$name', async (fault) => {
    countCell(await tryFault(stage, door, fault));
  });
});

describe('documentKey alone', () => {
  const file = ordinaryFile(documentKey);

  const newTarget = async (): Promise<Target> => {
    const target = await openTarget(stage.owner, file);
    if ('documentKey' in target) return target;
    throw new Error(`No target: ${JSON.stringify(target)}`);
  };

  test.each([
    ['shorter', -1],
    ['longer', 1],
  ])('SIZE_MISMATCH: %s', async (_, excess) => {
    const { url } = await newTarget();
    const limit = file.content.length;
    await expectRefusal({ code: 'SIZE_MISMATCH', faults: ['body: size_mismatch'], limit }, () =>
      putTo(url, { ...file, content: contentOf(limit + excess) }),
    );
  });

  test('CONTENT_TYPE_MISMATCH on the way', async () => {
    const { url } = await newTarget();
    const at = ['headers.content-type: content_type_mismatch'];
    await expectRefusal({ code: 'CONTENT_TYPE_MISMATCH', faults: at }, () =>
      putTo(url, { ...file, type: 'text/plain' }),
    );
  });

  test('NOT_FOUND where there is no such target; the same bytes a second time are no fault', async () => {
    const { url } = await newTarget();
    expect((await putTo(url, file)).status).toBe(201);
    expect((await putTo(url, file)).status).toBe(200);
    await expectRefusal({ code: 'NOT_FOUND', faults: [] }, () => putTo(`${url}x`, file));
  });

  test('bytes that came whole can be used, even where that could not be written down', async () => {
    const { url, documentKey: key } = await newTarget();
    expect((await putTo(url, file)).status).toBe(201);
    const { database } = stage.ledger;
    await database.write((manager) =>
      manager.update(UploadTargetRow, { documentKey: key }, { state: 'RECEIVING' }),
    );
    expect((await createFrom(stage.owner, key)).errors).toBeUndefined();
    expect((await putTo(url, file)).status).toBe(200);
  });

  test('UPLOAD_NOT_FINISHED', async () => {
    const key = (await newTarget()).documentKey;
    const at = ['input.content.documentKey: upload_not_finished'];
    await expectRefusal({ code: 'UPLOAD_NOT_FINISHED', faults: at }, () => createFrom(stage.owner, key));
  });

  test.each([
    ['none', ''],
    ['no key at all', 'x'],
    ['a path', '2026-01-01/00/../../etc'],
    ['a long one', 'x'.repeat(1_024)],
  ])('DOCUMENT_KEY_UNKNOWN: %s', async (_, key) => {
    const at = ['input.content.documentKey: document_key_unknown'];
    await expectRefusal({ code: 'DOCUMENT_KEY_UNKNOWN', faults: at }, () => createFrom(stage.owner, key));
  });

  test('FORBIDDEN and UNAUTHENTICATED, for the target already', async () => {
    await expectRefusal({ code: 'FORBIDDEN', faults: [': missing_permission'] }, () =>
      documentKey.create(stage.reader, file),
    );
    await expectRefusal({ code: 'UNAUTHENTICATED', faults: [] }, () =>
      documentKey.create(new Client(stage.owner.url, null), file),
    );
  });
});

describe('the request as a whole', () => {
  /** The place of the fault is said in the terms of the body's own format. */
  async function expectCode(code: string, limit: number, attempt: () => Promise<Creation>) {
    const before = await stage.ledger.count();
    expect(refusalOf(await attempt())).toMatchObject({ code, limit });
    await stage.expectNothingNew(before);
    countCell({ code });
  }

  const indexes = Array.from({ length: maxFiles + 1 }, (_, index) => index);

  /** One mutation that makes one attachment more than there may be files. */
  const oneTooMany = (content: object) => {
    const declared = indexes.map((index) => `$i${index}: CreateAttachmentInput!`);
    const fields = indexes.map((index) => `a${index}: createAttachment(input: $i${index}) { __typename }`);
    const inputs = indexes.map((index) => [`i${index}`, { content: { ...content }, fileName: 'a.bin' }]);
    return { query: `mutation (${declared}) { ${fields} }`, variables: Object.fromEntries(inputs) };
  };

  test('TOO_MANY_FILES: parts', async () => {
    const map = Object.fromEntries(indexes.map((index) => [index, [`variables.i${index}.content.upload`]]));
    const files = indexes.map((index) => ({
      name: `${index}`,
      fileName: 'a.bin',
      content: contentOf(70_000),
    }));
    await expectCode('TOO_MANY_FILES', maxFiles, () =>
      postForm(stage.owner, oneTooMany({ upload: null }), map, files),
    );
  });

  test.each([
    ['base64', ''],
    ['dataUrl', 'data:application/octet-stream;base64,'],
  ])('TOO_MANY_FILES: long texts, as %s', async (member, prefix) => {
    const text = `${prefix}${contentOf(300_000).toString('base64')}`;
    const { query, variables } = oneTooMany({ [member]: text });
    await expectCode('TOO_MANY_FILES', maxFiles, () => stage.owner.graphql(query, variables));
  });

  test('INVALID_MULTIPART: a part that is missing', async () => {
    const operations = { query: createMutation, variables: { input: { content: { upload: null } } } };
    await expectRefusal({ code: 'INVALID_MULTIPART', faults: ['map.0: part_missing'] }, () =>
      postForm(stage.owner, operations, { 0: ['variables.input.content.upload'] }, []),
    );
  });

  test.each(doors)('REQUEST_TOO_LARGE: more than 1 MiB besides the content, $name', async (door) => {
    const description = Array.from({ length: 5 }, () => 'x'.repeat(250_000));
    await expectCode('REQUEST_TOO_LARGE', mebibyte, () =>
      door.create(stage.owner, ordinaryFile(door), { description }),
    );
  });

  const inJson = doors.filter((door) => door !== upload && !door.name.endsWith('form'));

  test.each(inJson)('REQUEST_TOO_LARGE: a long text that is no content, $name', async (door) => {
    const input = { description: 'It is a long story. '.repeat(20_000) };
    const refusal = { code: 'REQUEST_TOO_LARGE', faults: ['input.description: too_long'], limit: 256 * 1024 };
    await expectRefusal(refusal, () => door.create(stage.owner, ordinaryFile(door), input));
  });

  test('REQUEST_TOO_LARGE: by its own account', async () => {
    await using small = await Stage.open({}, { MAX_FILE_SIZE: '1000', MAX_FILES: '1' });
    const before = await small.ledger.count();
    for (const door of doors) {
      const file = { ...ordinaryFile(door), content: contentOf(4 * mebibyte + 1_000) };
      const { code } = refusalOf(await door.create(small.owner, file));
      // The bytes of a target are a request of their own, of just the size that is agreed.
      expect([door.name, code]).toEqual([
        door.name,
        door === documentKey ? 'FILE_TOO_LARGE' : 'REQUEST_TOO_LARGE',
      ]);
      await small.expectNothingNew(before);
      countCell({ code });
    }
  });
});

describe('STORAGE_UNAVAILABLE', () => {
  const refusal = { code: 'STORAGE_UNAVAILABLE', faults: [] };
  let storage: FragileStorage;
  let failing: Stage;
  beforeAll(async () => {
    failing = await Stage.open({}, allStored, (dataDirectory) => {
      storage = new FragileStorage(join(dataDirectory, 'files'));
      return { storage };
    });
  });
  afterAll(() => failing[Symbol.asyncDispose]());
  beforeEach(() => {
    storage.fails = () => false;
  });

  describe.each(doors)('$name', (door) => {
    test.each(['create', 'write', 'commit'])('at %s', async (at) => {
      storage.fails = (operation) => operation === at;
      await failing.expectRefusal(refusal, () => door.create(failing.owner, ordinaryFile(door)));
      countCell(refusal);
    });
  });

  test('documentKey, at read', async () => {
    const key = await bring(failing.owner, ordinaryFile(documentKey));
    storage.fails = (operation) => operation === 'read';
    await failing.expectRefusal(refusal, () => createFrom(failing.owner, String(key)));
    countCell(refusal);
  });
});

describe('QUOTA_EXCEEDED', () => {
  let full: Stage;
  beforeAll(async () => {
    full = await Stage.open({}, { QUOTA_BYTES: '1' });
  });
  afterAll(() => full[Symbol.asyncDispose]());

  test.each(doors)('$name', async (door) => {
    const at = door === documentKey ? 'input.size' : 'input.content';
    const refusal = { code: 'QUOTA_EXCEEDED', faults: [`${at}: quota_bytes`], limit: 1 };
    await full.expectRefusal(refusal, () => door.create(full.owner, ordinaryFile(door)));
    countCell(refusal);
  });
});

test('DAMAGED: documentKey of bytes that are found to be', async () => {
  const key = String(await bring(stage.owner, ordinaryFile(documentKey)));
  const { data } = await createFrom(stage.owner, key);
  expect(data?.createAttachment?.attachment.documentKey).toBe(key);
  const blob = { documentKey: key };
  await stage.ledger.database.write((manager) => manager.update(BlobRow, blob, { damagedAt: new Date() }));
  const refusal = { code: 'DAMAGED', faults: ['input.content.documentKey: damaged'] } as const;
  await stage.expectRefusal(refusal, () => createFrom(stage.owner, key));
  countCell(refusal);
  await stage.ledger.database.write((manager) => manager.update(BlobRow, blob, { damagedAt: null }));
});

test('every code that a creation can meet has been met', () => {
  const reachable = Object.keys(errorTable).filter((code) => !unreachable.includes(code));
  expect([...met].sort()).toEqual(reachable.sort());
});
