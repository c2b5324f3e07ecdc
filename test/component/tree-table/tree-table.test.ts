// @vitest-environment jsdom
import { flushPromises, mount } from '@vue/test-utils';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ref } from 'vue';
import { textCell, type Column } from '#renderer/components/tree-table/columns.ts';
import TreeTable from '#renderer/components/tree-table/TreeTable.vue';
import { createTreeModel, type TreeProvider } from '#renderer/components/tree-table/tree-model.ts';
import { HeaphouseError } from '#shared/rpc/errors.ts';
import { giveLayout } from '../layout.ts';

interface Item {
  name: string;
  size: number;
}

const TOTAL = 10_000_000;
const columns: Column<Item>[] = [
  { id: 'name', label: 'Name', widthPx: 300, sortable: true, cell: (row) => textCell(row.name, { title: row.name }) },
  { id: 'size', label: 'Size', widthPx: 100, align: 'end', sortable: true, cell: (row) => ({ parts: [{ text: `${row.size} B` }], fraction: 0.5 }), copy: (row) => String(row.size) },
  { id: 'act', label: 'Act', widthPx: 80, cell: (row) => ({ parts: [{ text: '7' }], action: `Show 7 of ${row.name}` }) },
];

function provider(): TreeProvider<Item> {
  return {
    expandable: (row) => !row.name.includes('.'),
    async page(parent, { start, end }, sort) {
      const total = parent ? 3 : TOTAL;
      const rows = Array.from({ length: Math.min(end, total) - start }, (_, offset) => {
        const index = sort?.order === 'descending' ? total - 1 - start - offset : start + offset;
        return { name: parent ? `${parent.name}.${index}` : `row-${index}`, size: index };
      });
      return { rows, total };
    },
  };
}

const clipboard = vi.fn(async (_text: string) => undefined);

async function mountTable(source: TreeProvider<Item> = provider()) {
  const model = createTreeModel(source);
  const wrapper = mount(TreeTable<Item>, { props: { model, columns, label: 'Test rows' }, attachTo: document.body });
  await flushPromises();
  const grid = wrapper.get('[role="treegrid"]');
  const key = async (name: string, more: KeyboardEventInit = {}) => {
    grid.element.dispatchEvent(new KeyboardEvent('keydown', { key: name, bubbles: true, cancelable: true, ...more }));
    await flushPromises();
  };
  const activeText = () => {
    const id = grid.attributes('aria-activedescendant');
    return id ? document.getElementById(id)?.textContent : null;
  };
  const rows = () => wrapper.findAll('.rows [role="row"]');
  return { wrapper, model, grid, key, activeText, rows };
}

describe('TreeTable with ten million rows', () => {
  beforeEach(() => {
    giveLayout(600);
    Object.defineProperty(navigator, 'clipboard', { configurable: true, value: { writeText: clipboard } });
    clipboard.mockClear();
  });
  afterEach(() => document.body.replaceChildren());

  test('is a treegrid that knows all rows and draws only those in sight', async () => {
    const { grid, rows } = await mountTable();
    expect(grid.attributes('aria-rowcount')).toBe(String(TOTAL + 1));
    expect(grid.attributes('aria-colcount')).toBe('3');
    expect(rows().length).toBeGreaterThan(24);
    expect(rows().length).toBeLessThan(45);
    const first = rows()[0];
    expect(first?.attributes()).toMatchObject({ 'aria-rowindex': '2', 'aria-level': '1', 'aria-posinset': '1', 'aria-setsize': String(TOTAL), 'aria-expanded': 'false' });
  });

  test('the keyboard reaches the last row and comes back', async () => {
    const { key, activeText, wrapper } = await mountTable();
    await key('End');
    await flushPromises();
    expect(activeText()).toContain(`row-${TOTAL - 1}`);
    expect(wrapper.emitted('select')?.at(-1)?.[0]).toMatchObject({ name: `row-${TOTAL - 1}` });
    await key('PageUp');
    await flushPromises();
    expect(activeText()).toContain(`row-${TOTAL - 1 - 23}`);
    await key('Home');
    expect(activeText()).toContain('row-0');
    await key('ArrowDown');
    expect(activeText()).toContain('row-1');
  });

  test('a jump uses the same lines again, and keeps the old rows until the new ones are there', async () => {
    const source = provider();
    let answer: () => void = () => undefined;
    const { key, rows, model, wrapper } = await mountTable({
      ...source,
      page: async (parent, window, sort, signal) => {
        if (window.start > 1_000) await new Promise<void>((resolve) => (answer = resolve));
        return source.page(parent, window, sort, signal);
      },
    });
    const elements = new Set(rows().map((row) => row.element));
    await key('End');
    expect(rows()[0]?.text()).toContain('row-0');
    // Not for long: then lines without text say that something is on its way.
    await vi.waitFor(() => expect(wrapper.findAll('.skeleton').length).toBeGreaterThan(20));
    answer();
    await vi.waitFor(() => expect(wrapper.findAll('.skeleton')).toHaveLength(0));
    expect(rows().map((row) => row.text()).join(' ')).toContain(`row-${TOTAL - 1}`);
    expect(rows().filter((row) => !elements.has(row.element)).length).toBeLessThan(10);
    expect(model.rowCount).toBe(TOTAL);
  });

  test('what a column reads while it makes a cell is watched', async () => {
    const pressed = ref(2);
    const model = createTreeModel(provider());
    const own: Column<Item>[] = [columns[0] as Column<Item>, { id: 'act', label: 'Act', widthPx: 80, cell: (row) => ({ parts: [{ text: 'x' }], action: 'Press', pressed: pressed.value === row.size }) }];
    const wrapper = mount(TreeTable<Item>, { props: { model, columns: own, label: 'Test rows' }, attachTo: document.body });
    await flushPromises();
    const marked = () => wrapper.findAll('[data-testid="cell-act"]').flatMap((cell, index) => (cell.classes('pressed') ? [index] : []));
    expect(marked()).toEqual([2]);
    pressed.value = 5;
    await flushPromises();
    expect(marked()).toEqual([5]);
  });

  test('right opens and enters, left leaves and closes', async () => {
    const { key, activeText, model } = await mountTable();
    await key('ArrowDown');
    await key('ArrowRight');
    await flushPromises();
    expect(model.rowCount).toBe(TOTAL + 3);
    await key('ArrowRight');
    expect(activeText()).toContain('row-0.0');
    await key('ArrowLeft');
    expect(activeText()).toContain('row-0');
    await key('ArrowLeft');
    expect(model.rowCount).toBe(TOTAL);
  });

  test('copies the selection as tab-separated text with exact values', async () => {
    const { key, wrapper } = await mountTable();
    await key('ArrowDown');
    await key('ArrowRight');
    await flushPromises();
    await key('ArrowDown', { shiftKey: true });
    await key('ArrowDown', { shiftKey: true });
    await key('c', { ctrlKey: true });
    await flushPromises();
    expect(clipboard).toHaveBeenCalledWith('Name\tSize\tAct\nrow-0\t0\t7\n  row-0.0\t0\t7\n  row-0.1\t1\t7');
    expect(wrapper.emitted('copied')?.[0]).toEqual([3, false]);
  });

  test('a copy of everything takes ten thousand rows and says so', async () => {
    const { key, wrapper } = await mountTable();
    await key('a', { ctrlKey: true });
    await key('c', { ctrlKey: true });
    await vi.waitFor(() => expect(wrapper.emitted('copied')?.[0]).toEqual([10_000, true]));
  });

  test('a header sorts in the host, numbers from the largest', async () => {
    const { wrapper, rows } = await mountTable();
    await wrapper.get('[data-testid="sort-size"]').trigger('click');
    await flushPromises();
    expect(wrapper.emitted('sorted')).toEqual([[{ by: 'size', order: 'descending' }]]);
    expect(wrapper.findAll('[role="columnheader"]')[1]?.attributes('aria-sort')).toBe('descending');
    expect(rows()[0]?.text()).toContain(`row-${TOTAL - 1}`);
    await wrapper.get('[data-testid="sort-size"]').trigger('click');
    await flushPromises();
    expect(rows()[0]?.text()).toContain('row-0');
  });

  test('a cell that is a button reports its row and column', async () => {
    const { wrapper } = await mountTable();
    await wrapper.findAll('[data-testid="cell-act"]')[2]?.trigger('click');
    expect(wrapper.emitted('cellAction')?.[0]).toEqual([{ name: 'row-2', size: 2 }, 'act', 2]);
  });

  test('Enter and double click open, Escape ends a selection', async () => {
    const { key, wrapper, rows } = await mountTable();
    await key('ArrowDown');
    await key('Enter');
    await rows()[4]?.trigger('dblclick');
    expect(wrapper.emitted('activate')).toEqual([[{ name: 'row-0', size: 0 }], [{ name: 'row-4', size: 4 }]]);
    await key('ArrowDown', { shiftKey: true });
    expect(wrapper.findAll('[aria-selected="true"]')).toHaveLength(2);
    await key('Escape');
    expect(wrapper.findAll('[aria-selected="true"]')).toHaveLength(1);
  });

  test('a failure shows its words and a way to try again', async () => {
    let broken = true;
    const source = provider();
    const { wrapper } = await mountTable({
      ...source,
      page: (...args) => (broken ? Promise.reject(new HeaphouseError('host-crashed', 'The analysis ended.', { advice: 'Open it again.' })) : source.page(...args)),
    });
    expect(wrapper.get('.overlay').text()).toContain('The analysis ended.');
    expect(wrapper.get('.overlay').text()).toContain('Open it again.');
    broken = false;
    await wrapper.get('.overlay button').trigger('click');
    await flushPromises();
    expect(wrapper.find('.overlay').exists()).toBe(false);
    expect(wrapper.findAll('.rows [role="row"]').length).toBeGreaterThan(20);
  });

  test('nothing to show is said in words', async () => {
    const model = createTreeModel<Item>({ expandable: () => false, page: async () => ({ rows: [], total: 0 }) });
    const wrapper = mount(TreeTable<Item>, { props: { model, columns, label: 'Test rows', emptyText: 'No class matches.' } });
    await flushPromises();
    expect(wrapper.get('.overlay').text()).toBe('No class matches.');
  });

  test('a hostile name stays text', async () => {
    const name = '<b onclick="x()">bold</b>';
    const model = createTreeModel<Item>({ expandable: () => false, page: async () => ({ rows: [{ name, size: 1 }], total: 1 }) });
    const wrapper = mount(TreeTable<Item>, { props: { model, columns, label: 'Test rows' } });
    await flushPromises();
    expect(wrapper.find('b').exists()).toBe(false);
    expect(wrapper.get('[data-testid="cell-name"]').text()).toBe(name);
  });
});
