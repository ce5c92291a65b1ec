import { writeFileSync } from 'node:fs';
import { decodePicture } from './decode-picture.js';
import { frameHead, type PictureTask, pictureLimits, readFrames } from './preview.js';

/*
 * The process that decodes pictures, one at a time: tasks come on stdin, answers leave on stdout. It ends with its stdin, and
 * the service ends it at any time.
 */

// A signal to the whole group is the service's to heed.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);

// If the machine runs out of memory, this process goes before the service.
if (process.platform === 'linux') {
  try {
    writeFileSync('/proc/self/oom_score_adj', '1000');
  } catch {
    // Some containers forbid it.
  }
}

function answer(header: object, body: Uint8Array = Buffer.of()): void {
  process.stdout.write(frameHead(header, body.byteLength));
  process.stdout.write(body);
}

answer({ isReady: true });
for await (const { header, body: content } of readFrames(process.stdin, pictureLimits.bytes)) {
  const decoded = await decodePicture(header as PictureTask, content);
  if ('fault' in decoded) answer(decoded);
  else answer({ width: decoded.width, height: decoded.height }, decoded.body);
}
