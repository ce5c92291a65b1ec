import { downloadZip } from 'client-zip';
import type { Api } from '../api';
import { saveAs } from '../save-as';
import { DownloadOfDocument } from './graphql';

export interface ZipOutcome {
  saved: number;
  /** Files that cannot be downloaded: without approval, or gone. */
  left: number;
}

/** Saves the files as one ZIP, which the page makes as they come. Rejects if one breaks off. */
export async function saveZip(
  api: Api,
  ids: readonly string[],
  tell: (done: number) => void,
): Promise<ZipOutcome> {
  const takeName = createNames();
  let saved = 0;
  let done = 0;
  async function* contents() {
    for (const id of ids) {
      tell(done);
      done += 1;
      const { attachment } = await api.ask(DownloadOfDocument, { id });
      if (!attachment?.downloadUrl) continue;
      const input = await fetch(attachment.downloadUrl);
      if (!input.ok) throw new Error(`${attachment.fileName}: ${input.status}`);
      saved += 1;
      const { size, updatedAt, fileName } = attachment;
      yield { input, name: takeName(fileName), size, lastModified: new Date(updatedAt) };
    }
  }
  const zip = await downloadZip(contents()).blob();
  if (saved > 0) saveAs(zip, 'files.zip');
  return { saved, left: ids.length - saved };
}

/** Gives each file a name of its own, on file systems that do not tell case apart, too. */
export function createNames(): (fileName: string) => string {
  const taken = new Set<string>();
  return (fileName) => {
    const end = fileName.lastIndexOf('.');
    const [stem, extension] = end > 0 ? [fileName.slice(0, end), fileName.slice(end)] : [fileName, ''];
    let name = fileName;
    for (let number = 2; taken.has(name.toLowerCase()); number += 1) name = `${stem} (${number})${extension}`;
    taken.add(name.toLowerCase());
    return name;
  };
}
