import { createMutation } from '../../service/doors/doors.js';
import { type FormPart, formBody, graphqlForm, testBoundary } from '../../support/raw-http.js';
import type { SeededRandom } from '../../support/seeded-random.js';
import { sha256 } from '../../support/sha256.js';
import { FormMutator } from '../../unit/multipart/mutate-form.js';
import { RandomInput } from './random-input.js';

export interface FuzzRequest {
  kind: string;
  contentType: string;
  body: Buffer;
  /** The digest of the content, if the request is as it should be and must succeed. */
  sha256?: string;
}

const json = 'application/json';
const form = `multipart/form-data; boundary=${testBoundary}`;

const formFragments = [
  `\r\n--${testBoundary}`,
  `--${testBoundary}--`,
  `\r\n--${testBoundary}\r\n`,
  '\r\n\r\n',
  '\r',
  '\0',
  '"',
  'Content-Disposition: form-data; name="map"\r\n\r\n',
  "; filename*=utf-8''%ff%00",
  '{"0":["variables.__proto__.x"]}',
  '{"0":["variables.input.content.upload"]}',
  'null',
];
const jsonFragments = [
  '"',
  '\\',
  '\\u0000',
  '\\ud800',
  '{',
  '}',
  '[',
  ']'.repeat(20),
  '['.repeat(150),
  ',',
  ':',
  'null',
  '1e999',
  '\0',
  '\u00ff',
  '"__proto__":',
  'A'.repeat(300_000),
];

/** Other operations, asked with the ids of what was made. */
const operations = [
  'mutation ($id: ID!, $record: RecordInput!) { claimAttachment(input: { attachmentId: $id, record: $record }) { alreadyClaimed } }',
  'mutation ($id: ID!, $record: RecordInput!) { linkAttachments(input: { attachmentIds: [$id], record: $record, mode: ADD }) { field { version } } }',
  'mutation ($id: ID!, $record: RecordInput!) { linkAttachments(input: { attachmentIds: [$id], record: $record, mode: REMOVE }) { unlinked { id } } }',
  'mutation ($id: ID!, $text: String) { updateAttachment(input: { attachmentId: $id, description: $text, fileName: $text }) { attachment { id } } }',
  'mutation ($id: ID!, $text: String) { copyAttachment(input: { attachmentId: $id, fileName: $text }) { attachment { id } } }',
  'mutation ($id: ID!) { deleteAttachment(input: { attachmentId: $id }) { deletedAttachmentId } }',
  'mutation ($record: RecordInput!) { deleteRecordAttachments(input: { record: $record }) { deletedAttachmentIds } }',
  'mutation ($text: String!) { createUploadTarget(input: { fileName: $text, contentType: $text, size: 5 }) { target { url } } }',
  'query ($id: ID!, $text: String) { node(id: $id) { id } attachments(first: 3, after: $text, filter: { fileNameContains: $text }) { totalCount nodes { id } } }',
];

/** Makes requests of every kind, with something wrong in most of them; the same ones for the same seed. */
export class FuzzRequests {
  /** The ids of attachments that were made, to be asked for later. */
  readonly ids: string[] = [];
  readonly #random: RandomInput;
  readonly #forms: FormMutator;
  readonly #maxFileSize: number;

  constructor(random: SeededRandom, maxFileSize: number) {
    this.#random = new RandomInput(random);
    this.#forms = new FormMutator(random.seed);
    this.#maxFileSize = maxFileSize;
  }

  next(): FuzzRequest {
    return this.#random.pick([
      () => this.#goodForm(),
      () => this.#goodJson(),
      () => this.#form(),
      () => this.#damagedForm(),
      () => ({ kind: 'form for nothing', contentType: form, body: this.#forms.next() }),
      () => this.#json(),
      () => this.#corruptJson(),
      () => this.#damagedJson(),
      () => this.#operation(),
      () => this.#claim(),
    ])();
  }

  #goodForm(): FuzzRequest {
    const content = this.#random.content(this.#random.size(this.#maxFileSize));
    const body = formBody(creationForm({}, { content, fileName: 'data.unknown' }));
    return { kind: 'good form', contentType: form, body, sha256: sha256(content) };
  }

  #goodJson(): FuzzRequest {
    const bytes = this.#random.content(this.#random.size(this.#maxFileSize));
    const encoding = this.#random.pick(['base64', 'base64url'] as const);
    const text = bytes.toString(encoding);
    const content = this.#random.once(2)
      ? { base64: text }
      : { dataUrl: `data:application/octet-stream;base64,${text}` };
    const body = jsonBody({ fileName: 'data.unknown', content });
    return { kind: 'good JSON', contentType: json, body, sha256: sha256(bytes) };
  }

  #form(): FuzzRequest {
    return { kind: 'form', contentType: form, body: formBody(this.#creationForm()) };
  }

  #damagedForm(): FuzzRequest {
    const { pick, below } = this.#bound();
    const parts = this.#creationForm();
    const at = below(parts.length);
    const part = parts[at] ?? { content: '' };
    const changed = pick([
      () => parts,
      () => parts,
      () => parts.toSpliced(at, 1),
      () => parts.toSpliced(below(parts.length), 0, part),
      () => parts.with(at, { ...part, name: pick(['operations', 'map', '0', '__proto__', '']) }),
      () => parts.with(at, { ...part, headers: pick(formFragments) }),
    ])();
    return { kind: 'damaged form', contentType: form, body: this.#damage(formBody(changed), formFragments) };
  }

  #json(): FuzzRequest {
    return { kind: 'JSON', contentType: json, body: jsonBody(this.#creation()) };
  }

  #corruptJson(): FuzzRequest {
    const request = { query: createMutation, variables: { input: this.#creation() } };
    const changed = this.#random.once(2)
      ? { ...request, variables: this.#random.corrupt(request.variables) }
      : this.#random.corrupt(request);
    return { kind: 'corrupt JSON', contentType: json, body: Buffer.from(JSON.stringify(changed) ?? '') };
  }

  #damagedJson(): FuzzRequest {
    const body = this.#damage(jsonBody(this.#creation()), jsonFragments);
    return { kind: 'damaged JSON', contentType: json, body };
  }

  #operation(): FuzzRequest {
    const { pick } = this.#bound();
    const variables = {
      id: pick([...this.ids.slice(-20), 'unknown', '']),
      record: { type: pick(['T', 'Event']), id: String(this.#random.below(5)) },
      text: this.#random.name(),
    };
    const sent = this.#random.once(4) ? this.#random.corrupt(variables) : variables;
    const body = Buffer.from(JSON.stringify({ query: pick(operations), variables: sent }));
    return { kind: 'operation', contentType: json, body };
  }

  /** The newest again and again, until there is a newer one: many are claimed twice. */
  #claim(): FuzzRequest {
    const record = { type: 'T', id: String(this.#random.below(5)) };
    const variables = { id: this.ids.at(-1) ?? 'unknown', record };
    const body = Buffer.from(JSON.stringify({ query: operations[0], variables }));
    return { kind: 'claim', contentType: json, body };
  }

  /** With content of any kind, good or not. */
  #creation(): object {
    const { pick, name, type, once } = this.#bound();
    const text = this.#random.content(this.#random.size(2 * this.#maxFileSize)).toString('base64');
    const spoilt = once(6) ? this.#damage(Buffer.from(text), jsonFragments).toString('latin1') : text;
    const content = pick([
      { base64: spoilt },
      { dataUrl: `data:${type()};base64,${spoilt}` },
      { dataUrl: spoilt },
      { documentKey: name() },
      { base64: spoilt, dataUrl: spoilt },
      {},
    ]);
    return { fileName: name(), ...this.#random.creation(), content };
  }

  #creationForm(): FormPart[] {
    const { name, type, once } = this.#bound();
    const content = this.#random.content(this.#random.size(2 * this.#maxFileSize));
    const file = { content, fileName: name(), ...(once(2) ? { type: type() } : {}) };
    return creationForm(this.#random.creation(), file);
  }

  /** One to three things wrong. */
  #damage(body: Buffer, fragments: readonly string[]): Buffer {
    let damaged = body;
    for (let times = this.#random.below(3); times >= 0; times -= 1)
      damaged = this.#random.damage(damaged, fragments);
    return damaged;
  }

  #bound() {
    const random = this.#random;
    return {
      pick: random.pick.bind(random),
      below: random.below.bind(random),
      once: random.once.bind(random),
      name: random.name.bind(random),
      type: random.type.bind(random),
    };
  }
}

function jsonBody(input: object): Buffer {
  return Buffer.from(JSON.stringify({ query: createMutation, variables: { input } }));
}

function creationForm(input: object, file: FormPart): FormPart[] {
  const variables = { input: { ...input, content: { upload: null } } };
  const map = { 0: ['variables.input.content.upload'] };
  return graphqlForm({ query: createMutation, variables }, map, [file]);
}
