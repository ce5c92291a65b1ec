import type { Shares } from './network-rate.js';
import { networksOf } from './networks.js';

/** An organization, however many credentials it has, gets as much at once as so many clients. */
export const clientsOfOrganization = 5;

/** Frees the place; a second call does nothing. */
export type Release = () => void;

/** Bounds how much is under way at once under each key, in this process. */
export class Places {
  readonly #max: number;
  readonly #taken = new Map<string, number>();

  /** 0 is no bound. */
  constructor(max: number) {
    this.#max = max;
  }

  /** Takes a place, or several; null if there are not so many. */
  take(key: string, count = 1): Release | null {
    const taken = this.#taken.get(key) ?? 0;
    if (this.#max > 0 && taken + count > this.#max) return null;
    this.#taken.set(key, taken + count);
    let isHeld = true;
    return () => {
      if (isHeld) this.#free(key, count);
      isHeld = false;
    };
  }

  #free(key: string, count: number): void {
    const left = (this.#taken.get(key) ?? count) - count;
    if (left > 0) this.#taken.set(key, left);
    else this.#taken.delete(key);
  }
}

/** Bounds how much is under way at once from an address, and from the networks around it. */
export class NetworkPlaces {
  readonly #places: readonly [Places, Places, Places];

  /** `max` is that of one client; 0 is no bound. */
  constructor(max: number, [own, around, widest]: Shares) {
    const ofShare = (share: number) => new Places(Math.ceil(max * share));
    this.#places = [ofShare(own), ofShare(around), ofShare(widest)];
  }

  /** Takes a place in every network of the address; null if all of one are taken. */
  take(address: string | undefined): Release | null {
    return takeAll(
      networksOf(address).map(
        ({ key, width }) =>
          () =>
            this.#places[width].take(key),
      ),
    );
  }
}

/** Takes a place of each, or none: null if one of them is null. */
export function takeAll(takes: readonly (() => Release | null)[]): Release | null {
  const taken: Release[] = [];
  const releaseAll = () => {
    for (const release of taken) release();
  };
  for (const take of takes) {
    const release = take();
    if (release) taken.push(release);
    else {
      releaseAll();
      return null;
    }
  }
  return releaseAll;
}
