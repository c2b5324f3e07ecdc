/** Keys as text (`Mod+Shift+P`): matched against events, and written for people. */
const isMac = typeof navigator !== 'undefined' && /Mac|iPhone|iPad/.test(navigator.platform);

export interface KeyEventLike {
  key: string;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
  shiftKey: boolean;
  /** Where the key is: on macOS Alt turns 1 into ¡. */
  code?: string;
}

export function matchesKey(event: KeyEventLike, key: string, mac: boolean = isMac): boolean {
  const parts = key.split('+');
  const name = parts.at(-1) ?? '';
  const wants = (modifier: string) => parts.slice(0, -1).includes(modifier);
  const mod = mac ? event.metaKey : event.ctrlKey;
  const other = mac ? event.ctrlKey : event.metaKey;
  if (mod !== wants('Mod') || other || event.altKey !== wants('Alt')) return false;
  if (name === 'Plus') return event.key === '+' || (event.key === '=' && !event.shiftKey);
  if (name === 'Minus') return event.key === '-';
  if (wants('Alt') && /^[A-Z0-9]$/i.test(name) && event.code) return event.shiftKey === wants('Shift') && event.code.replace(/^(Digit|Key)/, '').toLowerCase() === name.toLowerCase();
  // A symbol such as ? needs Shift on most keyboards; it counts as the symbol itself.
  const symbol = name.length === 1 && !/[a-z0-9]/i.test(name);
  if (!symbol && event.shiftKey !== wants('Shift')) return false;
  return event.key.toLowerCase() === name.toLowerCase();
}

const NAMES: Record<string, string> = { ArrowLeft: '←', ArrowRight: '→', ArrowUp: '↑', ArrowDown: '↓', Plus: '+', Minus: '−' };

export function keyLabel(key: string, mac: boolean = isMac): string {
  const words = key.split('+').map((part) => {
    if (part === 'Mod') return mac ? '⌘' : 'Ctrl';
    if (mac && part === 'Shift') return '⇧';
    if (mac && part === 'Alt') return '⌥';
    return NAMES[part] ?? part;
  });
  return words.join(mac ? '' : '+');
}
