import { networksOf, plainAddress } from '../../../src/limits/networks.js';

const keysOf = (address: string) => networksOf(address).map(({ key }) => key);

describe('an address', () => {
  test.each([
    ['192.0.2.1', '192.0.2.1'],
    ['192.0.2.1:4711', '192.0.2.1'],
    ['"192.0.2.1:4711"', '192.0.2.1'],
    ['[2001:db8::1]', '2001:db8::1'],
    ['[2001:db8::1]:4711', '2001:db8::1'],
    ['"[2001:db8::1]:4711"', '2001:db8::1'],
    ['2001:db8::1', '2001:db8::1'],
    ['fe80::1%eth0', 'fe80::1'],
    ['[fe80::1%25eth0]:80', 'fe80::1'],
    [' unknown ', 'unknown'],
    ['', ''],
  ])('%j is read as %j', (written, plain) => {
    expect(plainAddress(written)).toBe(plain);
  });

  test('in IPv4 lies in its /24, also in the form of IPv6', () => {
    expect(keysOf('192.0.2.1')).toEqual(['192.0.2.1/32', '192.0.2/24']);
    expect(keysOf('::ffff:192.0.2.1')).toEqual(keysOf('192.0.2.1'));
    expect(keysOf('[::ffff:192.0.2.1]:80')).toEqual(keysOf('192.0.2.1:81'));
  });

  test('in IPv6 lies in its /64, /56 and /48', () => {
    const [own, around, widest] = keysOf('2001:db8:1:203::1');
    expect(keysOf('2001:db8:1:203:ffff::9')).toEqual([own, around, widest]);
    expect(keysOf('2001:db8:1:2ff::1').slice(1)).toEqual([around, widest]);
    expect(keysOf('2001:db8:1:ffff::1')[1]).not.toBe(around);
    expect(keysOf('2001:db8:1:ffff::1')[2]).toBe(widest);
    expect(keysOf('2001:db8:2::1')[2]).not.toBe(widest);
  });

  test('that is none stands for itself, cut off', () => {
    expect(keysOf('unknown')).toEqual(['unknown']);
    expect(keysOf('x'.repeat(5_000))[0]).toHaveLength(64);
    expect(networksOf(undefined)).toHaveLength(1);
  });
});
