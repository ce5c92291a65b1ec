/** Fails where a log holds what looks like an API key; no line of any test's service may. */
export function assertNoKeys(log: string): void {
  const found = /.{0,80}cck_[\w-]{12}(?=[\w-]{4})/.exec(log);
  if (found) throw new Error(`A key was logged: ${found[0]}…`);
}
