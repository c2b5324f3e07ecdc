/** Mounts the whole page on a fake workbench, in jsdom with the few measures that jsdom lacks. */
import { flushPromises, mount, type VueWrapper } from '@vue/test-utils';
import { createPinia } from 'pinia';
import { vi } from 'vitest';
import App from '#renderer/App.vue';
import { createWorkbench, workbenchKey } from '#renderer/host/workbench.ts';
import type { FakeWorkbench } from './fake-workbench.ts';
import { giveLayout } from './layout.ts';

export interface MountedApp {
  wrapper: VueWrapper;
  /** First element with the test id; fails when there is none. */
  get(testId: string): HTMLElement;
  all(testId: string): HTMLElement[];
  /** Lets promises and the debounced parts settle until the condition holds. */
  until(condition: () => boolean): Promise<void>;
  click(testId: string, index?: number): Promise<void>;
  unmount(): void;
}

export async function mountApp(fake: FakeWorkbench, hash = '#/start'): Promise<MountedApp> {
  giveLayout();
  localStorage.clear();
  sessionStorage.clear();
  history.replaceState(null, '', hash);
  const workbench = createWorkbench(fake.open);
  const wrapper = mount(App, { attachTo: document.body, global: { plugins: [createPinia()], provide: { [workbenchKey as symbol]: workbench } } });
  await flushPromises();

  const all = (testId: string) => [...document.querySelectorAll<HTMLElement>(`[data-testid="${testId}"]`)];
  const get = (testId: string) => {
    const [first] = all(testId);
    if (!first) throw new Error(`There is no "${testId}" in:\n${document.body.textContent?.slice(0, 2_000)}`);
    return first;
  };
  const until = (condition: () => boolean) =>
    vi.waitFor(
      async () => {
        await flushPromises();
        if (!condition()) throw new Error(`not yet; the page says:\n${document.body.textContent?.slice(0, 2_000)}`);
      },
      { timeout: 4_000, interval: 20 },
    );
  return {
    wrapper,
    get,
    all,
    until,
    async click(testId, index = 0) {
      await until(() => all(testId).length > index);
      const element = all(testId)[index] as HTMLElement;
      element.dispatchEvent(new MouseEvent('mousedown', { bubbles: true, cancelable: true }));
      element.click();
      await flushPromises();
    },
    unmount() {
      wrapper.unmount();
      workbench.close();
      document.body.replaceChildren();
    },
  };
}
