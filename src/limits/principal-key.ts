/** What a principal's requests are counted under. Its id is unique within its organization only. */
export function principalKey(organizationId: string, principalId: string): string {
  return `${organizationId}/${principalId}`;
}
