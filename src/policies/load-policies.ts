import * as z from 'zod';
import { ConfigError } from '../config/config.js';
import { readSmallFile } from '../config/files.js';
import { parseMediaType, standardType } from '../content-types/media-types.js';
import { anyRecordType, builtInPolicies, defaultPolicyName, type Policy } from './check-policy.js';

/** All policies, and where they hold. */
export interface PolicyBook {
  /** By name; `default` is always there. */
  policies: ReadonlyMap<string, Policy>;
  /** By record type; `*` stands for those that are not listed. */
  recordTypes: ReadonlyMap<string, RecordTypePolicies>;
}

/** The policies of one record type. */
export interface RecordTypePolicies {
  /** The policy of fields that are not named; null leaves them to the record type `*`. */
  policy: Policy | null;
  /** By name of the field. */
  fields: ReadonlyMap<string, Policy>;
}

const maxFileSizeLimit = 2 ** 40;
/** A field holds no more links than this, whatever the policy. */
const maxCountLimit = 1_000;

const wholeNumber = (maximum: number) => {
  const msg = `must be a whole number from 1 to ${maximum}`;
  return z.int({ error: msg, abort: true }).min(1, msg).max(maximum, msg);
};

/** An object with keys of the writer's own choosing, as a Map, so that no key can mean anything else. */
const table = <Value extends z.ZodType>(key: z.ZodType<string, string>, value: Value) =>
  z.preprocess(
    (input) => (isObject(input) ? new Map(Object.entries(input)) : input),
    z.map(key, value, 'must be an object'),
  );

const name = z.string().regex(/^\P{Cc}{1,255}$/u, 'a name must have 1 to 255 characters and no controls');

const contentType = z
  .string()
  .refine(
    (type) => !type.includes(';') && parseMediaType(type) !== null,
    'is not a media type such as image/png',
  );

const extension = z
  .string('must be an extension such as ".pdf"')
  .regex(/^\.[^\s\p{Cc}./\\]{1,32}$/u, 'must be a dot and 1 to 32 other characters, such as ".pdf"')
  .toLowerCase();

/** Looks for repetitions even where other faults have been found. */
const always = { when: () => true };

const extensions = z
  .array(extension, 'must be a list of extensions')
  .min(1, 'must list an extension')
  .superRefine((listed, context) => {
    if (!Array.isArray(listed)) return;
    for (const index of findRepeated(listed)) {
      context.addIssue({ code: 'custom', path: [index], message: `lists ${listed[index]} again` });
    }
  }, always)
  .transform((listed) => new Set(listed));

const acceptedTypes = table(contentType, extensions)
  .superRefine((types, context) => {
    if (!(types instanceof Map)) return;
    if (types.size === 0) context.addIssue('must list a type; leave it out to accept any');
    const standard = [...types.keys()].map(toStandardType);
    for (const index of findRepeated(standard)) {
      const path = [...types.keys()].slice(index, index + 1);
      context.addIssue({ code: 'custom', path, message: `lists ${standard[index]} again` });
    }
  }, always)
  .transform((types) => new Map(Array.from(types, ([type, listed]) => [toStandardType(type), listed])));

const strict = <Shape extends z.ZodRawShape>(shape: Shape) => z.strictObject(shape, 'must be an object');

const policySchema = strict({
  maxFileSize: wholeNumber(maxFileSizeLimit).optional(),
  acceptedTypes: acceptedTypes.optional(),
  extensions: z.enum(['match', 'any'], 'must be "match" or "any"').optional(),
  maxCount: wholeNumber(maxCountLimit).optional(),
  sharing: z.enum(['EXCLUSIVE', 'SHARED'], 'must be "EXCLUSIVE" or "SHARED"').default('EXCLUSIVE'),
});

/** A reference is checked where it stands, against the names that the file and the built-in policies have. */
const fileSchema = (names: ReadonlySet<string>) => {
  const policy = z.string("must be a policy's name").refine((given) => names.has(given), {
    error: ({ input }) => `there is no policy ${JSON.stringify(input)}`,
  });
  const fields = table(name, strict({ policy }));
  return strict({
    policies: table(name, policySchema).default(new Map()),
    recordTypes: table(
      name,
      strict({ policy: policy.optional(), fields: fields.default(new Map()) }),
    ).default(new Map([[anyRecordType, { policy: defaultPolicyName, fields: new Map() }]])),
  });
};

type PoliciesFile = z.infer<ReturnType<typeof fileSchema>>;

/**
 * Reads the policies file; without one, and for what it leaves out, the built-in policies hold. `maxFileSize`, in bytes,
 * bounds that of every policy. Throws ConfigError with every fault of the file at once.
 */
export async function loadPolicies(path: string | null, maxFileSize: number): Promise<PolicyBook> {
  const content = path === null ? {} : await readJson(path);
  const builtIn = builtInPolicies(maxFileSize);
  const own = isObject(content) && isObject(content['policies']) ? Object.keys(content['policies']) : [];
  const parsed = fileSchema(new Set([...builtIn.keys(), ...own])).safeParse(content);
  if (!parsed.success) throw new ConfigError(parsed.error.issues.flatMap(describeIssue));
  return toBook(parsed.data, builtIn, maxFileSize);
}

function toBook(file: PoliciesFile, builtIn: Map<string, Policy>, maxFileSize: number): PolicyBook {
  const own = Array.from(file.policies, ([policyName, given]): [string, Policy] => [
    policyName,
    {
      name: policyName,
      maxFileSize: Math.min(given.maxFileSize ?? maxFileSize, maxFileSize),
      acceptedTypes: given.acceptedTypes ?? null,
      extensions: given.extensions ?? (given.acceptedTypes ? 'match' : 'any'),
      maxCount: given.maxCount ?? null,
      sharing: given.sharing,
    },
  ]);
  const policies = new Map([...builtIn, ...own]);
  const find = (policyName: string | undefined) => (policyName && policies.get(policyName)) || null;
  const recordTypes = Array.from(file.recordTypes, ([type, entry]) => {
    const fields = Array.from(entry.fields).flatMap(([field, given]) => {
      const policy = find(given.policy);
      return policy ? [[field, policy] as const] : [];
    });
    return [type, { policy: find(entry.policy), fields: new Map(fields) }] as const;
  });
  return { policies, recordTypes: new Map(recordTypes) };
}

async function readJson(path: string): Promise<unknown> {
  const text = await readSmallFile(path).catch((cause: Error) => {
    throw new ConfigError([`POLICIES_FILE: ${cause.message}`], { cause });
  });
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (error) {
    throw new ConfigError([`POLICIES_FILE: ${path} is not JSON: ${(error as Error).message}`]);
  }
}

/** One line for each fault, with the place in the file: `policies.calendar.acceptedTypes["text/plain"][0]: …`. */
function describeIssue(issue: z.core.$ZodIssue): string[] {
  if (issue.code !== 'unrecognized_keys') return [`POLICIES_FILE: ${formatPath(issue.path)}${issue.message}`];
  return issue.keys.map((key) => `POLICIES_FILE: ${formatPath([...issue.path, key])}is not known here`);
}

function formatPath(path: readonly PropertyKey[]): string {
  const steps = path.map((step, index) => {
    if (typeof step === 'number') return `[${step}]`;
    const key = String(step);
    return /^\w+$/.test(key) ? `${index === 0 ? '' : '.'}${key}` : `[${JSON.stringify(key)}]`;
  });
  return steps.length === 0 ? '' : `${steps.join('')}: `;
}

function findRepeated(values: readonly unknown[]): number[] {
  return values.flatMap((value, index) => (values.indexOf(value) < index ? [index] : []));
}

function toStandardType(type: string): string {
  return standardType(type.toLowerCase());
}

function isObject(input: unknown): input is Record<string, unknown> {
  return typeof input === 'object' && input !== null && !Array.isArray(input);
}
