import { isIP } from 'node:net';
import leven from 'leven';
import * as z from 'zod';

const wholeNumber = (text: string): number => (/^\d+$/.test(text) ? Number(text) : Number.NaN);

/** A whole number written in decimal digits, with its bounds; the default is given as text, as it would be in the environment. */
export const integer = (preset: string, minimum: number, maximum: number) =>
  z.string().default(preset).transform(wholeNumber).pipe(within(minimum, maximum));

/** A whole number, as `integer` reads it, whose default depends on other settings: undefined if it is left out. */
export const optionalInteger = (minimum: number, maximum: number) =>
  z.string().transform(wholeNumber).pipe(within(minimum, maximum)).optional();

const within = (minimum: number, maximum: number) =>
  z
    .int({ error: `must be a whole number from ${minimum} to ${maximum}`, abort: true })
    .min(minimum, `must be at least ${minimum}`)
    .max(maximum, `must be at most ${maximum}`);

/** Whole seconds, comma-separated. */
export const delays = (preset: string) =>
  z
    .string()
    .default(preset)
    .transform((list) => list.split(',').map((text) => wholeNumber(text.trim())))
    .pipe(
      z
        .array(
          z
            .int({ error: 'must be whole numbers of seconds', abort: true })
            .max(604_800, 'each must be at most 604800'),
        )
        .max(50, 'must be at most 50'),
    );

/** As Standard Webhooks writes them: 24 to 64 random bytes. */
export const isWebhookSecret = (secret: string): boolean => {
  const [, base64 = ''] = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(secret) ?? [];
  const bytes = Buffer.from(base64, 'base64');
  return bytes.length >= 24 && bytes.length <= 64 && bytes.toString('base64') === base64;
};

/** A day of the calendar, such as 2026-01-31. Date takes 2026-02-31 for one too, and means March. */
export const isDay = (text: string): boolean => z.iso.date().safeParse(text).success;

const anyHttpUrl = z.url({ protocol: /^https?$/, error: 'must be an http or https URL' });
const withoutSlash = (url: string) => new URL(url).href.replace(/\/+$/, '');

/** One that the service itself asks: `fetch` takes none with a user name or password, and its error repeats them. */
export const fetchedUrl = anyHttpUrl.refine(hasNoUser, 'must not have a user name or password');

export const httpUrl = fetchedUrl.transform(withoutSlash);

function hasNoUser(text: string): boolean {
  if (!URL.canParse(text)) return true;
  const { username, password } = new URL(text);
  return username === '' && password === '';
}

/** One that paths are put behind, and that everybody is told. */
export const baseUrl = anyHttpUrl
  .refine((url) => !/[?#]|:\/\/[^/]*@/.test(url), 'must have no query, no fragment and no user name')
  .transform(withoutSlash);

const noPostgresUrl =
  'must be a postgres:// URL, which has %, #, / and ? of a name or password as %25, %23, %2F and %3F';

export const postgresUrl = z
  .url({ protocol: /^postgres(ql)?$/, error: noPostgresUrl })
  .refine(isEscaped, noPostgresUrl);

/** Whether each % in front of the parameters belongs to a character that is written by it. */
function isEscaped(url: string): boolean {
  try {
    decodeURIComponent(url.replace(/\?.*/s, ''));
    return true;
  } catch {
    return false;
  }
}

/** An address to listen on, or a name that can be one of a host: `999.1.1.1` is neither. */
export const isAddress = (text: string): boolean =>
  isIP(text) !== 0 || (/^[^\s/\\?#@:[\]]+$/.test(text) && URL.canParse(`http://${text}/`));

/** `none`, `eicar`, or where clamd listens: a host with or without a port, or a path of a socket, and nothing else. */
export function isScanner(text: string): boolean {
  if (text === 'none' || text === 'eicar') return true;
  if (!/^clamd:\/\/[\w.:[\]%/-]+$/.test(text) || !URL.canParse(text)) return false;
  const { hostname, port, pathname } = new URL(text);
  return hostname === '' ? isSocketPath(pathname) : pathname === '' && port !== '0' && isHost(hostname);
}

const isHost = (text: string): boolean => /^([\w.-]+|\[[0-9a-f:.]+\])$/i.test(text);

/** The system takes no longer path of a socket. */
const maxSocketPathBytes = 107;

function isSocketPath(text: string): boolean {
  if (!/^(\/([\w.-]|%[2-9a-f][0-9a-f])+)+$/i.test(text)) return false;
  try {
    return Buffer.byteLength(decodeURIComponent(text)) <= maxSocketPathBytes;
  } catch {
    return false;
  }
}

/** `true` or `false`. */
export const flag = (preset: 'true' | 'false') =>
  z
    .enum(['true', 'false'])
    .default(preset)
    .transform((text) => text === 'true');

/** Origins of pages, comma-separated: `https://app.example`, with a port if it is not the scheme's own. `*` is any. */
export const origins = (preset: string) =>
  z
    .string()
    .default(preset)
    .transform((list) => list.split(',').map((origin) => origin.trim()))
    .pipe(z.array(z.string().refine(isOrigin, 'each must be * or an origin such as https://app.example')));

const isOrigin = (text: string): boolean =>
  text === '*' || (/^https?:/.test(text) && URL.canParse(text) && new URL(text).origin === text);

/** The default of a setting, as it would be in the environment; null if there is none. */
export function presetOf(setting: z.ZodType): string | null {
  const { default: preset } = z.toJSONSchema(setting, { io: 'input', unrepresentable: 'any' });
  return typeof preset === 'string' ? preset : null;
}

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
