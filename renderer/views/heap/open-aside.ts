/** How a link to an object opens it beside what is shown; a view that can do so provides it for all links below it. */
import { inject, provide, type InjectionKey } from 'vue';
import type { NodeRef } from '#shared/model/heap.ts';

type OpenAside = (node: NodeRef) => void;
const KEY: InjectionKey<OpenAside> = Symbol('open aside');

export function provideOpenAside(open: OpenAside): void {
  provide(KEY, open);
}

/** Null where links have no tab to open. */
export function useOpenAside(): OpenAside | null {
  return inject(KEY, null);
}
