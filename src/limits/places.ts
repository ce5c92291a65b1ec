import type { Shares } from './network-rate.js';
import { networksOf } from './networks.js';

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

  /** Takes a place; null if all are taken. */
  take(key: string): Release | null {
    const taken = this.#taken.get(key) ?? 0;
    if (this.#max > 0 && taken >= this.#max) return null;
    this.#taken.set(key, taken + 1);
    let isHeld = true;
    return () => {
      if (isHeld) this.#free(key);
      isHeld = false;
    };
  }

  #free(key: string): void {
    const left = (this.#taken.get(key) ?? 1) - 1;
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
    const taken: Release[] = [];
    const releaseAll = () => {
      for (const release of taken) release();
    };
    for (const { key, width } of networksOf(address)) {
      const release = this.#places[width].take(key);
      if (release) taken.push(release);
      else {
        releaseAll();
        return null;
      }
    }
    return releaseAll;
  }
}
