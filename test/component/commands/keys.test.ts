import { describe, expect, test } from 'vitest';
import { keyLabel, matchesKey } from '#renderer/commands/keys.ts';
import { COMMANDS } from '#shared/model/commands.ts';

const press = (key: string, more: Partial<Record<'ctrlKey' | 'metaKey' | 'altKey' | 'shiftKey', boolean>> = {}) => ({ key, ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, ...more });

describe('keys', () => {
  test('Mod is Control, on a Mac Command', () => {
    expect(matchesKey(press('P', { ctrlKey: true, shiftKey: true }), 'Mod+Shift+P', false)).toBe(true);
    expect(matchesKey(press('p', { metaKey: true, shiftKey: true }), 'Mod+Shift+P', true)).toBe(true);
    expect(matchesKey(press('p', { metaKey: true, shiftKey: true }), 'Mod+Shift+P', false)).toBe(false);
    expect(matchesKey(press('p', { ctrlKey: true }), 'Mod+Shift+P', false)).toBe(false);
  });
  test('a symbol counts however it is typed', () => {
    expect(matchesKey(press('?', { shiftKey: true }), '?', false)).toBe(true);
    expect(matchesKey(press('?', { ctrlKey: true }), '?', false)).toBe(false);
  });
  test('labels', () => {
    expect(keyLabel('Mod+Shift+P', false)).toBe('Ctrl+Shift+P');
    expect(keyLabel('Mod+Shift+P', true)).toBe('⌘⇧P');
  });
  test('no two commands share an id or a key', () => {
    const keys = COMMANDS.map(({ key }) => key).filter((key) => key !== null);
    expect(new Set(keys).size).toBe(keys.length);
    expect(new Set(COMMANDS.map(({ id }) => id)).size).toBe(COMMANDS.length);
  });
});
