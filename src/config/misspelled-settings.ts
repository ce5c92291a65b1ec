import leven from 'leven';

/** Shorter names are too near to other variables of an environment, such as HOME to HOST. */
const shortest = 6;

/** Variables of the environment that are no settings, each with the setting that it is nearly the name of. */
export function findMisspelled(
  given: readonly string[],
  settings: readonly string[],
): { given: string; meant: string }[] {
  const known = new Set(settings);
  return given
    .filter((name) => name.length >= shortest && !known.has(name))
    .flatMap((name) => {
      const maxDistance = name.length < 10 ? 1 : 2;
      const meant = settings.find(
        (setting) => leven(name, setting, { maxDistance: maxDistance + 1 }) <= maxDistance,
      );
      return meant === undefined ? [] : [{ given: name, meant }];
    });
}
