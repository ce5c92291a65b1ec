import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');

/** Frees what nothing holds any more, so that a measure of memory shows what is held and not what V8 has yet to free. */
export const collectGarbage: () => void = runInNewContext('gc');
