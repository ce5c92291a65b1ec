import type { Storage } from '../../src/storage/storage.js';

/** The storage with some of its methods replaced; the others work on the storage itself. */
export function overrideStorage(storage: Storage, methods: Partial<Storage>): Storage {
  return new Proxy(storage, {
    get(target, name) {
      if (Object.hasOwn(methods, name)) return Reflect.get(methods, name);
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
