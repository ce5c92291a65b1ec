import { v7 as uuidv7 } from 'uuid';
import { createDocumentKey, isDocumentKey, isOrganizationId } from '../../../src/storage/document-key.js';

const now = new Date('2026-11-21T04:00:00Z');

describe('document keys', () => {
  test.each([uuidv7(), 'org-a', 'org_2abcDEF.x', '7', 'A'.repeat(36), 'a..b', 'con.'])(
    'may have the organization %j',
    (organizationId) => {
      expect(isOrganizationId(organizationId)).toBe(true);
      const key = createDocumentKey(organizationId, now);
      expect(isDocumentKey(key)).toBe(true);
      expect(key.split('/')).toHaveLength(4);
      expect(key.length).toBeLessThanOrEqual(128);
    },
  );

  test.each([
    '',
    '.',
    '..',
    '...',
    '.a',
    '-a',
    '_a',
    'a/b',
    '../a',
    'a/..',
    '/a',
    'a\\b',
    'a b',
    'a\n',
    '\na',
    'a\u0000',
    'a%2e',
    'a:b',
    'ä',
    'a\u0301',
    'a\u202e',
    'A'.repeat(37),
  ])('never have the organization %j', (organizationId) => {
    expect(isOrganizationId(organizationId)).toBe(false);
    expect(isDocumentKey(`2026-11-21/04/${organizationId}/${uuidv7()}`)).toBe(false);
  });

  test.each([
    `2026-11-21/04/org-a/${uuidv7()}/x`,
    `2026-11-21/04/org-a/${uuidv7().toUpperCase()}`,
    '2026-11-21/04/org-a/x.txt',
    `2026-11-21/04/org-a/org-b/${uuidv7()}`,
    `2026-11-21/../org-a/${uuidv7()}`,
    `../04/org-a/${uuidv7()}`,
    `/2026-11-21/04/org-a/${uuidv7()}`,
    `2026-11-21/04/org-a/${uuidv7()}\n`,
  ])('are not %j', (key) => {
    expect(isDocumentKey(key)).toBe(false);
  });
});
