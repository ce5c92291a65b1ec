import { cleanLater } from '../process/clean-later.js';

/** Cleans, and kills itself at the moment of this number. Ends by itself if there are fewer. */
const [, , moment = '', hoursLater = ''] = process.argv;
let left = Number(moment);

await cleanLater(process.env, Number(hoursLater), () => {
  left -= 1;
  if (left < 0) process.kill(process.pid, 'SIGKILL');
});
