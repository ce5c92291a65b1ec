/**
 * The EICAR test file: harmless text that every scanner reports. It stands here in two halves, so that no scanner takes
 * this file, or what is built from it, for the test file itself.
 */
export const eicarString = [
  String.raw`X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR`,
  '-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*',
].join('');
