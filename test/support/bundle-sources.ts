import { execFileSync } from 'node:child_process';

/**
 * Before tests that start processes: bundles what has changed since, without a check of its types, which has been. Tests that start none
 * run on another version of Node with `KEEP_BUNDLE=true`, which leaves the bundle to the first.
 */
export default function bundleSources(): void {
  if (process.env['KEEP_BUNDLE'] === 'true') return;
  execFileSync(process.execPath, ['bundle.js'], { stdio: 'inherit' });
}
