/** Preloaded into a process (`node --import`), sets the clock that it sees off by so many milliseconds. */
const offsetMs = Number(process.env['CLOCK_OFFSET_MS']);

globalThis.Date = new Proxy(Date, {
  construct: (target, args: [], newTarget) =>
    Reflect.construct(target, args.length === 0 ? [target.now() + offsetMs] : args, newTarget),
  get: (target, property) =>
    property === 'now' ? () => target.now() + offsetMs : Reflect.get(target, property),
});
