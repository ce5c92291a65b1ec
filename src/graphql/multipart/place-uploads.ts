import { Upload } from 'graphql-upload-minimal';
import type { UploadSlots } from './parse-map.js';

/** Puts an Upload whose value is `taken` into every slot of the part it came in. A part in two slots is one Upload. */
export function placeUploads(slots: UploadSlots, taken: ReadonlyMap<string, unknown>): void {
  for (const [name, value] of taken) {
    const upload = Object.assign(new Upload(), { promise: Promise.resolve(value), file: value });
    for (const { holder, key } of slots.get(name) ?? []) holder[key] = upload;
  }
}
