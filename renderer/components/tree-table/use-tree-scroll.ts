/** Where a tree table is scrolled to: the pixels, the scroll bar that follows them, and the rows that are in sight. */
import { computed, onBeforeUnmount, onMounted, ref, watch, type Ref } from 'vue';
import { clampTop, isScaled, scrollFromTop, topFromScroll, topToReveal, type ScrollGeometry } from './scroll-map.ts';

export const ROW_HEIGHT_PX = 23;
export const HEADER_HEIGHT_PX = 26;
export const OVERSCAN_ROWS = 6;

/** `rowCount` is asked again whenever something it read has changed. */
export function useTreeScroll(scroller: Ref<HTMLElement | undefined>, rowCount: () => number) {
  const bodyHeight = ref(400);
  const top = ref(0);
  let expectedScrollTop = 0;
  let observer: ResizeObserver | null = null;

  const rows = computed(rowCount);
  const geometry = computed<ScrollGeometry>(() => ({ rows: rows.value, rowHeightPx: ROW_HEIGHT_PX, bodyHeightPx: bodyHeight.value }));
  const firstRow = computed(() => Math.max(0, Math.floor(top.value / ROW_HEIGHT_PX) - OVERSCAN_ROWS));
  const endRow = computed(() => Math.min(geometry.value.rows, Math.ceil((top.value + bodyHeight.value) / ROW_HEIGHT_PX) + OVERSCAN_ROWS));

  /** Sets the first visible pixel, and the scroll bar after it. */
  function scrollTo(next: number): void {
    top.value = next;
    const element = scroller.value;
    if (!element) return;
    const wanted = scrollFromTop(next, geometry.value);
    if (Math.abs(element.scrollTop - wanted) >= 1) {
      element.scrollTop = wanted;
      expectedScrollTop = element.scrollTop;
    }
  }

  function onScroll(): void {
    const element = scroller.value;
    if (!element || Math.abs(element.scrollTop - expectedScrollTop) < 1) return;
    expectedScrollTop = element.scrollTop;
    top.value = topFromScroll(element.scrollTop, geometry.value);
  }

  /** With a scaled scroll bar the wheel moves exact pixels, not the bar's large steps. */
  function onWheel(event: WheelEvent): void {
    if (!isScaled(geometry.value) || event.deltaY === 0 || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    const unit = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? ROW_HEIGHT_PX : event.deltaMode === WheelEvent.DOM_DELTA_PAGE ? bodyHeight.value : 1;
    scrollTo(clampTop(top.value + event.deltaY * unit, geometry.value));
  }

  function measure(): void {
    const height = (scroller.value?.clientHeight ?? 0) - HEADER_HEIGHT_PX;
    if (height > 0) bodyHeight.value = height;
  }

  watch(geometry, (now) => scrollTo(clampTop(top.value, now)));
  onMounted(() => {
    measure();
    if (typeof ResizeObserver === 'function' && scroller.value) {
      observer = new ResizeObserver(measure);
      observer.observe(scroller.value);
    }
    scroller.value?.addEventListener('wheel', onWheel, { passive: false });
  });
  onBeforeUnmount(() => {
    observer?.disconnect();
    scroller.value?.removeEventListener('wheel', onWheel);
  });

  return {
    geometry,
    top,
    bodyHeight,
    firstRow,
    endRow,
    scrollTo,
    /** With the least movement. */
    reveal: (row: number) => scrollTo(topToReveal(row, top.value, geometry.value)),
    onScroll,
  };
}
