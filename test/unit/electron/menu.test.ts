import { describe, expect, test } from 'vitest';
import { COMMANDS } from '#shared/model/commands.ts';
import { acceleratorOf, menuTemplate } from '#main/electron/menu.ts';

type MenuItemConstructorOptions = ReturnType<typeof menuTemplate>[number];

const ran: string[] = [];
const actions = { run: (id: string) => ran.push(id) };
const itemsOf = (template: MenuItemConstructorOptions[]): MenuItemConstructorOptions[] =>
  template.flatMap((item) => [item, ...(Array.isArray(item.submenu) ? itemsOf(item.submenu) : [])]);

describe.each(['linux', 'darwin', 'win32'])('menu on %s', (platform) => {
  const items = itemsOf(menuTemplate(actions, { platform }));

  test('has every command once, with its label and key', () => {
    for (const { id, label, key } of COMMANDS) {
      const found = items.filter((item) => item.id === id);
      expect(found, id).toHaveLength(1);
      expect(found[0].label).toBe(label.replaceAll('&', '&&'));
      expect(found[0].accelerator ?? null).toBe(acceleratorOf(key));
    }
  });

  test('shows keys without taking them from the page', () => {
    for (const item of items) if (item.accelerator) expect(item.registerAccelerator, item.id).toBe(false);
  });

  test('a click says which command', () => {
    ran.length = 0;
    items.find((item) => item.id === 'target.snapshot')!.click!({} as never, undefined, {} as never);
    items.find((item) => item.id === 'help.about')!.click!({} as never, undefined, {} as never);
    expect(ran).toEqual(['target.snapshot', 'help.about']);
  });

  test('can quit', () => {
    expect(items.some((item) => item.role === 'quit')).toBe(true);
  });
});

test.each([
  ['Mod+Shift+P', 'CommandOrControl+Shift+P'],
  ['Alt+ArrowLeft', 'Alt+Left'],
  ['F6', 'F6'],
  ['Mod+Plus', 'CommandOrControl+Plus'],
  ['Mod+Minus', 'CommandOrControl+-'],
  ['?', null],
  [null, null],
])('key %s is accelerator %s', (key, accelerator) => {
  expect(acceleratorOf(key)).toBe(accelerator);
});
