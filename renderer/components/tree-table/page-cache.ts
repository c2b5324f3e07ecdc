/** A least-recently-used map of pages, outside Vue's reactivity. */
export interface PageCache<Value> {
  get(key: string): Value | undefined;
  /** Looks without touching the order. */
  peek(key: string): Value | undefined;
  set(key: string, value: Value): void;
  deleteWhere(matches: (key: string) => boolean): void;
  clear(): void;
  readonly size: number;
}

export function createPageCache<Value>(capacity: number): PageCache<Value> {
  const pages = new Map<string, Value>();
  return {
    get(key) {
      const value = pages.get(key);
      if (value !== undefined) {
        pages.delete(key);
        pages.set(key, value);
      }
      return value;
    },
    peek: (key) => pages.get(key),
    set(key, value) {
      pages.delete(key);
      pages.set(key, value);
      while (pages.size > capacity) {
        const oldest = pages.keys().next();
        if (oldest.done) break;
        pages.delete(oldest.value);
      }
    },
    deleteWhere(matches) {
      for (const key of [...pages.keys()]) if (matches(key)) pages.delete(key);
    },
    clear: () => pages.clear(),
    get size() {
      return pages.size;
    },
  };
}
