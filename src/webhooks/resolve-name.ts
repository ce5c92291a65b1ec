import { lookup } from 'node:dns/promises';

/** An address a name stands for. */
export interface ResolvedAddress {
  address: string;
  family: 4 | 6;
}

/** All addresses of a name; rejects where there are none. */
export type ResolveName = (name: string) => Promise<ResolvedAddress[]>;

/** As the operating system does for every other program. */
export const resolveName: ResolveName = async (name) => {
  const found = await lookup(name, { all: true, order: 'verbatim' });
  return found.map(({ address, family }) => ({ address, family: family === 6 ? 6 : 4 }));
};
