import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { packageRoot } from '../../../src/config/files.js';

test("the console's types are those of the schema and of its operations", () => {
  const script = join(packageRoot(), 'console/codegen.js');
  expect(execFileSync(process.execPath, [script, '--check'], { encoding: 'utf8' })).toBe('');
});
