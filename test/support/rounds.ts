/** The repetitions of a random test or of a race: `byDefault`, times ROUNDS for a longer run. */
export const rounds = (byDefault: number): number =>
  Math.ceil(byDefault * Number(process.env['ROUNDS'] ?? 1));
