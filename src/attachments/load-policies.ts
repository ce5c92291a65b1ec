import type { Policy } from './policy.js';

export interface PolicyBook {
  policies: ReadonlyMap<string, Policy>;
}

export async function loadPolicies(_path: string | null, maxFileSize: number): Promise<PolicyBook> {
  const policy: Policy = {
    name: 'default',
    maxFileSize,
    acceptedTypes: null,
    maxCount: null,
    sharing: 'EXCLUSIVE',
  };
  return { policies: new Map([['default', policy]]) };
}
