import { execFileSync } from 'node:child_process';

/** Before tests that start processes: bundles what has changed since, without a check of its types, which has been. */
export default function bundleSources(): void {
  execFileSync(process.execPath, ['bundle.js'], { stdio: 'inherit' });
}
