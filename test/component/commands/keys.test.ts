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
  test('zoom keys, with and without Shift', () => {
    expect(matchesKey(press('+', { ctrlKey: true, shiftKey: true }), 'Mod+Plus', false)).toBe(true);
    expect(matchesKey(press('=', { ctrlKey: true }), 'Mod+Plus', false)).toBe(true);
    expect(matchesKey(press('-', { ctrlKey: true }), 'Mod+Minus', false)).toBe(true);
    expect(matchesKey(press('-'), 'Mod+Minus', false)).toBe(false);
    expect(keyLabel('Mod+Plus', false)).toBe('Ctrl++');
  });
  test('Alt with a digit is the key, whatever character a Mac makes of it', () => {
    expect(matchesKey({ ...press('¡', { altKey: true }), code: 'Digit1' }, 'Alt+1', true)).toBe(true);
    expect(matchesKey({ ...press('¡', { altKey: true }), code: 'Digit2' }, 'Alt+1', true)).toBe(false);
    expect(matchesKey(press('1', { altKey: true }), 'Alt+1', false)).toBe(true);
  });
  test('no command has a key that is the system’s own on macOS', () => {
    for (const { id, key } of COMMANDS) expect(key ?? '', id).not.toMatch(/^Mod\+(H|M|Q|W|Tab|Space)$/i);
  });
  test('no two commands share an id or a key', () => {
    const keys = COMMANDS.map(({ key }) => key).filter((key) => key !== null);
    expect(new Set(keys).size).toBe(keys.length);
    expect(new Set(COMMANDS.map(({ id }) => id)).size).toBe(COMMANDS.length);
  });
});
