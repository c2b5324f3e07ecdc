/** The arena map alone, of 4 GiB in arenas: 4,096 of 1 MiB (CPython 3.10 and newer), or `?old` 16,384 of 256 KiB. */
import { createPinia } from 'pinia';
import { createApp, h, nextTick, reactive } from 'vue';
import '#renderer/styles/base.css';
import '#renderer/styles/light.css';
import ArenaMap, { type PoolChoice } from '#renderer/views/allocators/ArenaMap.vue';
import { arenaOrder, createPoolStore, writePage } from '#renderer/views/allocators/pool-store.ts';
import { fakeArenaPage, fakeArenaSummary } from '../fake-memory.ts';

const arenas = location.search === '?old' ? 16_384 : 4_096;
const PAGE_ARENAS = 512;
// As they come over the wire; making them is not the map's work.
const pages = Array.from({ length: arenas / PAGE_ARENAS }, (_, index) => fakeArenaPage(index * PAGE_ARENAS, (index + 1) * PAGE_ARENAS));
const state = reactive({ version: 0, choice: null as PoolChoice | null });

const began = performance.now();
const store = createPoolStore(fakeArenaSummary(arenas));
for (const page of pages) writePage(store, page);
const order = arenaOrder(store, 'emptiest');
createApp({
  render: () => h('div', { style: { display: 'flex', height: '100vh' } }, [h(ArenaMap, { store, order, version: state.version, classes: 32, alignmentBytes: 16, colourBy: 'class', onlyClass: null, choice: state.choice, onChoose: (choice: PoolChoice | null) => (state.choice = choice) })]),
})
  .use(createPinia())
  .mount('#app');
await nextTick();
// The frame after the one in which it was drawn.
requestAnimationFrame(() => requestAnimationFrame(() => (document.title = `drawn ${(performance.now() - began).toFixed(1)}`)));
