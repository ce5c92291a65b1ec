/** Code with the faults that a rule must find, file by file, and neighbouring code that it must leave alone (files without faults). */
export interface Example {
  files: Record<string, string>;
  faults: string[];
}

const longFunction = `function long() {\n${'  step();\n'.repeat(59)}}\n`;

export const examples = {
  importsPointDown: {
    files: {
      'src/storage/a.ts': "import { x } from '../database/x.js';",
      'src/storage/b.ts': "import type { x } from '../jobs/x.js';",
      'src/storage/c.ts': "import { x } from './memory/x.js';\nimport { y } from '../errors.js';",
      'src/config/a.ts': "import { x } from '../errors.js';\nexport { y } from '../storage/y.js';",
      'src/jobs/a.ts': "type X = import('../auth/x.js').X;\nconst y = await import('../http/y.js');",
      'src/auth/viewer.ts': "import { x } from '../database/entities/x.js';",
      'src/links/a.ts': "import type { Intake } from '../intake/intake.js';",
      'src/links/b.ts': "import { type Viewer } from '../auth/viewer.js';",
      'src/intake/c.ts': "import { blobsOf } from '../attachments/blobs.js';",
      'src/webhooks/a.ts': "import { GraphQLError } from 'graphql';\nimport { v7 } from 'uuid';",
      'src/graphql/a.ts':
        "import { GraphQLError } from 'graphql';\nimport { x } from '../webhooks/x.js';\nimport { y } from '../http/y.js';",
      'src/http/a.ts': "import { x } from '../graphql/x.js';\nimport y from 'fastify';",
      'src/app.ts': "import { x } from './http/x.js';",
      'src/command/a.ts': "import { x } from '../app.js';\nimport { y } from '../main.js';",
      'src/main.ts': "import { x } from './command/a.js';\nimport { y } from '../test/y.js';",
      'src/unheard/a.ts': '',
    },
    faults: [
      'src/unheard/a.ts:1 lies in no known level',
      'src/storage/a.ts:1 must not import src/database/x.ts',
      'src/storage/b.ts:1 must not import src/jobs/x.ts',
      'src/config/a.ts:2 must not import src/storage/y.ts',
      'src/jobs/a.ts:1 must not import src/auth/x.ts',
      'src/jobs/a.ts:2 must not import src/http/y.ts',
      'src/links/a.ts:1 must not import src/intake/intake.ts',
      'src/intake/c.ts:1 must not import src/attachments/blobs.ts',
      'src/webhooks/a.ts:1 must not import graphql',
      'src/graphql/a.ts:3 must not import src/http/y.ts',
      'src/command/a.ts:2 must not import src/main.ts',
      'src/main.ts:2 must not import test/y.ts',
    ],
  },
  noImportCycles: {
    files: {
      'src/jobs/a.ts': "import './b.js';\nimport './d.js';",
      'src/jobs/b.ts': "import type { C } from './c.js';",
      'src/jobs/c.ts': "export { a } from './a.js';",
      'src/jobs/d.ts': "import './e.js';\nimport 'node:fs';",
      'src/jobs/e.ts': '',
    },
    faults: ['src/jobs/a.ts -> src/jobs/b.ts -> src/jobs/c.ts -> src/jobs/a.ts is a cycle'],
  },
  packagesAreLoadedOnDemand: {
    files: {
      'src/main.ts': "import './command/a.js';\nconst b = await import('./command/b.js');",
      'src/command/a.ts': "import type { C } from './c.js';\nimport pg from 'pg';",
      'src/command/b.ts': "import 'undici';",
      'src/command/c.ts': "import 'unified';",
      'src/command/serve.ts': "export { d } from './d.js';\nconst bar = await import('cli-progress');",
      'src/command/d.ts': "import remarkGfm from 'remark-gfm';\nimport type { Client } from 'undici';",
    },
    faults: ['src/command/a.ts:2 loads pg at the start', 'src/command/d.ts:1 loads remark-gfm at the start'],
  },
  filesAreShort: {
    files: { 'src/a.ts': 'step();\n'.repeat(250), 'src/b.ts': 'step();\n'.repeat(251) },
    faults: ['src/b.ts:1 has 251 lines, 250 are allowed'],
  },
  functionsAreShort: {
    files: {
      'src/a.ts': longFunction.replace('  step();\n', ''),
      'src/b.ts': `\n${longFunction}`,
      'src/c.ts': `class C {\n  ${longFunction.replace('function ', '')}}`,
      'src/d.ts': `const arrow = ${longFunction.replace('function long()', '() =>')}`,
      'src/e.ts': `each(${longFunction.replace('function long()', '() =>')})`,
    },
    faults: [
      'src/b.ts:2 long has 61 lines, 60 are allowed',
      'src/c.ts:2 long has 61 lines, 60 are allowed',
      'src/d.ts:1 arrow has 61 lines, 60 are allowed',
      'src/e.ts:1 a function has 61 lines, 60 are allowed',
    ],
  },
  noAny: {
    files: { 'src/a.ts': 'let any = "any";\nlet x: any[];\ncall(x as any);\nlet y: unknown;' },
    faults: ['src/a.ts:2 says any', 'src/a.ts:3 says any'],
  },
  noNonNullAssertions: {
    files: {
      'src/a.ts': 'call(x!.y);\nlet z!: string;\nclass C { z!: string }\nif (x !== y && !z) call();',
      'src/b.ts': "class C { @Column('text') z!: string }",
      'src/c.ts': '@ObjectType() class C { z!: string }',
    },
    faults: ['src/a.ts:1 asserts with !', 'src/a.ts:2 asserts with !', 'src/a.ts:3 asserts with !'],
  },
  noDefaultExports: {
    files: {
      'src/a.ts': 'export default 1;',
      'src/b.ts': 'export default function b() {}',
      'src/c.ts': 'const c = 1;\nexport { c as default };',
      'src/d.ts': 'export default class D {}',
      'src/e.ts': "import e from 'e';\nswitch (e) {\n  default:\n}\nexport const x = { default: e };",
    },
    faults: ['src/a.ts:1', 'src/b.ts:1', 'src/c.ts:2', 'src/d.ts:1'].map((at) => `${at} exports a default`),
  },
  commentsNameTheirSubject: {
    files: {
      'src/a.ts':
        '/** Where bytes are kept. */\nconst a = 1;\n/*\n * So many.\n */\nconst b = 2; // Whose it is',
      'src/b.ts':
        '/** A place for bytes. What they are does not matter. */\nconst a = 1;\n// Offset of the end.\n',
    },
    faults: ['src/a.ts:1', 'src/a.ts:6', 'src/a.ts:3'].map(
      (place) => `${place} opens with What, Where, Of, So or Whose`,
    ),
  },
  titlesNameTheirSubject: {
    files: {
      'test/a.test.ts': `describe('what it finds', () => {\n  test.each([1])('of %i', find);\n  it(\`Where \${x}\`, y);\n});\ntest.each\`a\`('so', z);`,
      'test/b.test.ts': "test('offers what it has', () => say('of what'));\ntest(of, a, 'of');",
    },
    faults: [1, 2, 3, 5].map((line) => `test/a.test.ts:${line} opens with What, Where, Of, So or Whose`),
  },
  noVagueNames: {
    files: {
      'src/a.ts': 'class UploadService {}',
      'src/b.ts': 'const x = class FileManager {};',
      'src/c.ts': 'class PathHelpers {}',
      'src/jobs/utils.ts': '',
      'src/jobs/index.ts': '',
      'src/d.ts': 'class ServiceAccount {}\ninterface Helper {}',
    },
    faults: [
      'src/a.ts:1 names a class after no thing',
      'src/b.ts:1 names a class after no thing',
      'src/c.ts:1 names a class after no thing',
      'src/jobs/utils.ts:1 is named after no thing',
      'src/jobs/index.ts:1 is named after no thing',
    ],
  },
  noBarrels: {
    files: {
      'src/a.ts': "export * from './b.js';",
      'src/b.ts': "import { c } from './c.js';\nexport { c };",
      'src/c.ts': "export { d } from './d.js';\nexport const c = 1;",
      'src/d.ts': "import './e.js';",
    },
    faults: ['src/a.ts:1', 'src/b.ts:1'].map((at) => `${at} only passes on what others export`),
  },
  noConsole: {
    files: {
      'src/a.ts': "console.log('x');\n// console.log\ncall('console.log', window.console);",
      'src/b.ts': "const write = console['error'];",
      'src/main.ts': "console.log('x');",
    },
    faults: ['src/a.ts:1 writes to the console', 'src/b.ts:1 writes to the console'],
  },
  noGuessableRandomness: {
    files: { 'src/a.ts': 'const id = Math.random().toString(36);\nconst x = Math.max(1, random());' },
    faults: ['src/a.ts:1 takes guessable randomness; node:crypto has better'],
  },
  noHandBuiltFaults: {
    files: {
      'src/a.ts':
        "const a = new AttachmentError('NOT_FOUND', { details: [x] });\nconst b = new AttachmentError('NOT_FOUND', { cause });",
      'src/b.ts': "const details = [x];\nconst c = new AttachmentError('NOT_FOUND', { details });",
      'src/errors.ts': "const d = new AttachmentError('NOT_FOUND', { details });",
    },
    faults: [
      'src/a.ts:1 builds details by hand; `fault` has the code',
      'src/b.ts:2 builds details by hand; `fault` has the code',
    ],
  },
  rowsAreWrittenOneWay: {
    files: {
      'src/a.ts':
        'await manager.insert(BlobRow, row);\nawait manager.save(BlobRow, row);\nq.insert().into(BlobRow);\nawait file.save(state);\nawait insertRow(manager, BlobRow, row);',
      'src/b.ts':
        "await manager.update(UploadTargetRow, { id }, { state: 'OPEN' });\nawait manager.update(BlobRow, { id }, {});",
      'src/intake/upload-target.ts': 'await manager.update(UploadTargetRow, before, after);',
    },
    faults: [
      'src/a.ts:1 writes a row past its one way',
      'src/a.ts:2 writes a row past its one way',
      'src/a.ts:3 writes a row past its one way',
      'src/a.ts:3 writes a row past its one way',
      'src/b.ts:1 writes a row past its one way',
    ],
  },
  noSlowTypeorm: {
    files: { 'src/a.ts': "import type { EntityManager } from 'typeorm';\nimport { In } from 'typeorm';" },
    faults: ['src/a.ts:2 imports values of typeorm itself'],
  },
  queriesAreScoped: {
    files: {
      'src/attachments/a.ts': `export function newList(manager) {
        return manager.find(AttachmentRow, { where: { createdById } });
      }`,
      'src/attachments/b.ts': `function every(manager) {
        return manager.createQueryBuilder(BlobRow, 'b').where('b.sha256 = :sha256', { sha256 }).getMany();
      }`,
      'src/auth/c.ts': `function drop(manager, { organizationId }) {
        await manager.query('DELETE FROM api_keys WHERE id = ?', [id]);
        await manager.delete(ApiKeyRow, { id, organizationId });
      }`,
      'src/links/e.ts': `function fieldsOf(manager, ids) {
        return readRows(manager, RecordFieldRow, (sql) => sql.isOneOf('id', ids));
      }
      function linksOf(manager, ids) {
        return readRows(manager, LinkRow, (sql) => sql.isOneOf('field_id', ids));
      }`,
      'src/webhooks/d.ts': `function scoped(manager, viewer) {
        const key = { organizationId: viewer.organizationId, id };
        await manager.update(WebhookDeliveryRow, key, changes);
        await manager.createQueryBuilder(WebhookDeliveryRow, 'd').where('d.organization_id = :id').getMany();
        await manager.find(SweepRow, {});
        await insertRow(manager, WebhookDeliveryRow, row);
      }`,
    },
    faults: [
      'src/attachments/a.ts:2 asks for rows of every organization (src/attachments/a.ts newList)',
      'src/attachments/b.ts:2 asks for rows of every organization (src/attachments/b.ts every)',
      'src/auth/c.ts:2 asks for rows of every organization (src/auth/c.ts drop)',
      'src/links/e.ts:2 asks for rows of every organization (src/links/e.ts fieldsOf)',
    ],
  },
  noSuppressions: {
    files: {
      'src/a.ts': `${['//', '@ts-expect-error'].join(' ')}\ncall();`,
      'src/b.ts': `call(1 /* ${['biome', 'ignore'].join('-')} lint: x */);`,
      'test/c.ts': `function f() {\n  call();\n  ${['//', 'eslint-disable-line'].join(' ')}\n}`,
      'test/d.ts': `call('${['//', '@ts-ignore'].join(' ')}');`,
    },
    faults: ['src/a.ts:1', 'src/b.ts:1', 'test/c.ts:3'].map((at) => `${at} silences a check`),
  },
  noUnfinishedNotes: {
    files: {
      'src/a.ts': `/** ${'TO' + 'DO'}: more */\nexport function a() {}`,
      'src/b.ts': `call(); // ${'FIX' + 'ME'}`,
      'src/c.ts': `call('${'TO' + 'DO'}');`,
    },
    faults: ['src/a.ts:1 is not finished', 'src/b.ts:1 is not finished'],
  },
  noSkippedTests: {
    files: {
      'test/a.ts': "test.only('x', f);",
      'test/b.ts': "describe.skip.each([1])('x', f);",
      'test/c.ts': "test.todo('x');",
      'test/d.ts': "xit('x', f);",
      'test/e.ts': "test.concurrent.only.each`a`('x', f);",
      'test/f.ts': "test.each([1])('x', f);\nlist.skip(1);\ntest('x', () => page.only());",
      'test/support/skip-without.ts': "describe.skip('x', f);",
    },
    faults: ['a', 'b', 'c', 'd', 'e'].map((name) => `test/${name}.ts:1 leaves tests out`),
  },
} satisfies Record<string, Example>;
