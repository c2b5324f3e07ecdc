import { describe, expect, test, vi } from 'vitest';
import { createTreeModel, type TreeProvider } from '#renderer/components/tree-table/tree-model.ts';
import { HeaphouseError } from '#shared/rpc/errors.ts';

interface Item {
  id: string;
  children: number;
}

/** Ten million rows, each with as many children as its index says in the last digit. */
function tenMillion(total = 10_000_000) {
  const requests: string[] = [];
  const provider: TreeProvider<Item> = {
    expandable: (row) => row.children > 0,
    async page(parent, { start, end }, sort, signal) {
      requests.push(`${parent?.id ?? 'root'}:${start}-${end}:${sort?.order ?? 'none'}`);
      await Promise.resolve();
      if (signal.aborted) throw new HeaphouseError('cancelled', 'Cancelled.');
      const count = parent ? parent.children : total;
      const rows = Array.from({ length: Math.max(0, Math.min(end, count) - start) }, (_, offset) => {
        const index = sort?.order === 'descending' ? count - 1 - start - offset : start + offset;
        return { id: parent ? `${parent.id}/${index}` : String(index), children: parent ? 2 : index % 10 };
      });
      return { rows, total: count };
    },
  };
  return { provider, requests };
}

const settle = async () => {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
};
const idAt = (model: ReturnType<typeof createTreeModel<Item>>, flat: number) => model.rowAt(flat)?.id;

describe('tree model', () => {
  test('asks only for the pages on screen', async () => {
    const { provider, requests } = tenMillion();
    const model = createTreeModel(provider);
    model.show(0, 30);
    await settle();
    expect(model.rowCount).toBe(10_000_000);
    expect(idAt(model, 29)).toBe('29');
    model.show(9_999_970, 10_000_000);
    await settle();
    expect(idAt(model, 9_999_999)).toBe('9999999');
    expect(requests).toEqual(['root:0-100:none', 'root:9999900-10000000:none']);
  });

  test('expands at any depth and finds rows before, inside and after', async () => {
    const { provider } = tenMillion();
    const model = createTreeModel(provider);
    model.show(0, 40);
    await settle();
    model.expand(3);
    model.show(0, 40);
    await settle();
    expect(model.rowCount).toBe(10_000_003);
    expect([2, 3, 4, 6, 7].map((flat) => idAt(model, flat))).toEqual(['2', '3', '3/0', '3/2', '4']);
    model.expand(5);
    model.show(0, 40);
    await settle();
    expect([5, 6, 7, 8, 9].map((flat) => idAt(model, flat))).toEqual(['3/1', '3/1/0', '3/1/1', '3/2', '4']);
    expect(model.view(6)).toMatchObject({ kind: 'row', depth: 2, index: 0, siblings: 2 });
    expect(model.parentOf(6)).toBe(5);
    expect(model.parentOf(5)).toBe(3);
    expect(model.parentOf(3)).toBe(-1);
    model.collapse(3);
    expect(model.rowCount).toBe(10_000_000);
    expect(idAt(model, 4)).toBe('4');
  });

  test('a level under way, an empty one and a failed one each show one line', async () => {
    let outcome: 'empty' | 'fail' = 'empty';
    const model = createTreeModel<Item>({
      expandable: () => true,
      async page(parent) {
        if (parent === null) return { rows: [{ id: 'a', children: 1 }], total: 1 };
        if (outcome === 'fail') throw new HeaphouseError('io', 'The disk is gone.');
        return { rows: [], total: 0 };
      },
    });
    model.show(0, 10);
    await settle();
    model.expand(0);
    expect(model.view(1)).toMatchObject({ kind: 'status', state: 'loading', depth: 1 });
    await settle();
    expect(model.view(1)).toMatchObject({ kind: 'status', state: 'empty' });
    model.collapse(0);
    outcome = 'fail';
    model.expand(0);
    await settle();
    expect(model.view(1)).toMatchObject({ kind: 'status', state: 'failed' });
    outcome = 'empty';
    model.retry(1);
    await settle();
    expect(model.view(1)).toMatchObject({ kind: 'status', state: 'empty' });
  });

  test('requests that scrolled away are aborted and not asked again', async () => {
    const signals: AbortSignal[] = [];
    const model = createTreeModel<Item>({
      expandable: () => false,
      page: (_parent, { start }, _sort, signal) => {
        signals.push(signal);
        return start === 0 ? Promise.resolve({ rows: [{ id: '0', children: 0 }], total: 10_000_000 }) : new Promise(() => undefined);
      },
    });
    model.show(0, 20);
    await settle();
    for (const first of [1_000_000, 2_000_000, 3_000_000]) model.show(first, first + 20);
    expect(signals.slice(1).map((signal) => signal.aborted)).toEqual([true, true, false]);
  });

  test('a new order keeps the old rows until the first page of the new one', async () => {
    const { provider } = tenMillion();
    const model = createTreeModel(provider);
    model.show(0, 20);
    await settle();
    model.expand(3);
    await settle();
    model.setSort({ by: 'id', order: 'descending' });
    expect(model.stale).toBe(true);
    expect(model.rowCount).toBe(10_000_000);
    expect(idAt(model, 0)).toBe('0');
    await settle();
    expect(model.stale).toBe(false);
    expect(idAt(model, 0)).toBe('9999999');
  });

  test('reloading in place keeps what is open', async () => {
    const { provider, requests } = tenMillion();
    const model = createTreeModel(provider);
    model.show(0, 20);
    await settle();
    model.expand(3);
    await settle();
    requests.length = 0;
    model.reload({ keepExpansions: true });
    expect(idAt(model, 4)).toBe('3/0');
    await settle();
    expect(idAt(model, 4)).toBe('3/0');
    expect(requests).toEqual(['root:0-100:none', '3:0-100:none']);
  });

  test('a bookmark follows its row', async () => {
    const { provider } = tenMillion();
    const model = createTreeModel(provider);
    model.show(0, 20);
    await settle();
    const bookmark = model.bookmark(7);
    model.expand(3);
    await settle();
    expect(model.resolve(bookmark)).toBe(10);
    const child = model.bookmark(4);
    model.collapse(3);
    expect(model.resolve(bookmark)).toBe(7);
    expect(model.resolve(child)).toBe(-1);
  });

  test('collects rows for copying, also those that are not loaded', async () => {
    const { provider } = tenMillion();
    const model = createTreeModel(provider);
    model.show(0, 20);
    await settle();
    const rows = await model.collect(95, 105);
    expect(rows.map(({ row }) => row.id)).toEqual(['95', '96', '97', '98', '99', '100', '101', '102', '103', '104']);
  });

  test('forgets the pages used least', async () => {
    const { provider, requests } = tenMillion();
    const model = createTreeModel(provider, { cachedPages: 2 });
    for (const first of [0, 100, 200, 0]) {
      model.show(first, first + 20);
      await settle();
    }
    expect(requests).toHaveLength(4);
  });

  test('opening a thousand rows of ten million stays quick', async () => {
    const { provider } = tenMillion();
    const model = createTreeModel(provider, { cachedPages: 5_000 });
    const startedAt = performance.now();
    for (let index = 1; index <= 1_000; index++) {
      const first = index * 9_999;
      model.show(first, first + 20);
      await settle();
      if (!model.expand(first)) model.expand(first + 1);
    }
    model.show(0, 20);
    await settle();
    let checksum = 0;
    for (let flat = 0; flat < model.rowCount; flat += 5_003) checksum += model.view(flat)?.depth ?? 0;
    expect(checksum).toBeGreaterThanOrEqual(0);
    expect(performance.now() - startedAt).toBeLessThan(5_000);
    vi.restoreAllMocks();
  });
});
