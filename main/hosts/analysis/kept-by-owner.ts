/** Results that are made once per key and go with what they were made from; of each owner the few used last are kept. */
export interface KeptByOwner<O extends object, V> {
  get(owner: O, key: string, make: () => Promise<V>): Promise<V>;
}

export function createKeptByOwner<O extends object, V>(most: number): KeptByOwner<O, V> {
  const owners = new WeakMap<O, Map<string, V>>();
  return {
    async get(owner, key, make) {
      let kept = owners.get(owner);
      if (!kept) owners.set(owner, (kept = new Map()));
      const known = kept.get(key);
      if (known !== undefined) {
        kept.delete(key);
        kept.set(key, known);
        return known;
      }
      // Two callers at the same time both make it: each has a cancel of its own, and the second result replaces the first.
      const made = await make();
      kept.set(key, made);
      for (const oldest of kept.keys()) {
        if (kept.size <= most) break;
        kept.delete(oldest);
      }
      return made;
    },
  };
}
