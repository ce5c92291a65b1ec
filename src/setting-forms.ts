import { z } from 'zod';

const wholeNumber = (text: string): number => (/^\d+$/.test(text) ? Number(text) : Number.NaN);

/** A whole number written in decimal digits, with its bounds; the default is given as text, as it would be in the environment. */
export const integer = (preset: string, minimum: number, maximum: number) =>
  z
    .string()
    .default(preset)
    .transform(wholeNumber)
    .pipe(
      z
        .int(`must be a whole number from ${minimum} to ${maximum}`)
        .min(minimum, `must be at least ${minimum}`)
        .max(maximum, `must be at most ${maximum}`),
    );

/** Whole seconds, comma-separated. */
export const delays = (preset: string) =>
  z
    .string()
    .default(preset)
    .transform((list) => list.split(',').map((text) => wholeNumber(text.trim())))
    .pipe(
      z
        .array(z.int('must be whole numbers of seconds').max(604_800, 'each must be at most 604800'))
        .max(50, 'must be at most 50'),
    );

/** `true` or `false`. */
export const flag = (preset: 'true' | 'false') =>
  z
    .enum(['true', 'false'])
    .default(preset)
    .transform((text) => text === 'true');
