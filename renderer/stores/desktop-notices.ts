/**
 * Notifications of the system when long work ends while nobody looks at the window. Off until the user switches them on:
 * the permission is asked for in that click and never otherwise.
 */
import { defineStore } from 'pinia';
import { useSettingsStore } from './settings.ts';

/** Shorter work has been watched. */
const LONG_MS = 8_000;

export const useDesktopNoticesStore = defineStore('desktop-notices', () => {
  const settings = useSettingsStore();
  const supported = typeof Notification === 'function';

  /** To be called in a click. False: the user or the browser has refused. */
  async function allow(): Promise<boolean> {
    if (!supported) return false;
    if (Notification.permission === 'granted') return true;
    return (await Notification.requestPermission()) === 'granted';
  }

  const away = () => document.visibilityState === 'hidden' || !document.hasFocus();

  function workEnded(label: string, startedAt: number, failed: boolean): void {
    if (!supported || !settings.values.notifications || Notification.permission !== 'granted') return;
    if (Date.now() - startedAt < LONG_MS || !away()) return;
    const notice = new Notification(failed ? 'Failed' : 'Done', { body: label, tag: `heaphouse-${startedAt}` });
    notice.addEventListener('click', () => {
      window.focus();
      notice.close();
    });
  }

  return { supported, allow, workEnded };
});
