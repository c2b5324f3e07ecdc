/** The map of 4 GiB of pymalloc arenas in Chromium: first drawing, and frames while scrolling and zooming. */
import { openBenchPage, printLine } from '../component/bench/bench-page.ts';

const page = await openBenchPage('arena-map.html');
try {
  // 4,096 arenas of 1 MiB, and the 16,384 of 256 KiB that CPython before 3.10 has: 262,144 and 1,048,576 pools.
  for (const query of ['', '?old']) {
    const title = await page.show(query);
    const data = (name: string) => page.evaluate(`document.querySelector('[data-testid="arena-map"]').dataset.${name}`).then(Number);
    const arenas = await data('arenas');
    printLine({ name: 'first drawing, from the pages to the screen', arenas, pools: arenas * 64, ms: Number(title.slice(6)) });
    const measure = async (name: string, steps: number, step: (index: number) => Promise<unknown>) => {
      const times = await page.frames(steps, step);
      printLine({ name, arenas, cellPx: await data('cellPx'), ...times });
    };
    const press = (key: string) => page.evaluate(`document.querySelector('[data-testid="arena-map"]').dispatchEvent(new KeyboardEvent('keydown', { key: '${key}', bubbles: true, cancelable: true }))`);
    await measure('pointer over the map', 100, (index) => page.pointer(20 + index * 8, 200));
    await press('+');
    await press('+');
    await measure('wheel', 150, () => page.wheel(120));
    for (let turn = 0; turn < 4; turn++) await press('+');
    await measure('wheel', 150, () => page.wheel(120));
    await measure('arrow keys', 100, () => press('ArrowDown'));
    await measure('zoom in and out', 60, (index) => press(index % 8 < 4 ? '-' : '+'));
  }
} finally {
  await page.close();
}
