/** The last one that 48 bits can say; years later than 10,000. */
const maxInstant = 2 ** 48 - 1;

/** The least id that an event of this instant (milliseconds since 1970) can have: a uuid of version 7 begins with it. */
export function firstIdOf(instant: number): string {
  const hex = Math.min(Math.max(0, instant), maxInstant).toString(16).padStart(12, '0').slice(-12);
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000000`;
}
