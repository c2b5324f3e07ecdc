import { describe, expect, test, vi } from 'vitest';
import type { OpenRequest } from '#shared/contracts/shell.ts';
import { HeaphouseError } from '#shared/rpc/errors.ts';
import { carryOut } from '#main/electron/carry-out.ts';

function parts(answer: number, fail?: Error) {
  const boxes: { type: string; message: string; detail: string }[] = [];
  const shown: OpenRequest[] = [];
  const reach = vi.fn(() => (fail ? Promise.reject(fail) : Promise.resolve({ sessionId: 's-1' })));
  return {
    boxes,
    shown,
    reach,
    given: {
      client: { service: () => ({ attach: reach, connect: reach }) },
      dialog: {
        showMessageBox: (options: (typeof boxes)[number]) => {
          boxes.push(options);
          return Promise.resolve({ response: answer, checkboxChecked: false });
        },
      },
      window: () => null,
      show: (request: OpenRequest) => shown.push(request),
    } as never,
  };
}

describe('attach asked for by another start', () => {
  test('is done after a yes, and shown', async () => {
    const { given, boxes, shown, reach } = parts(0);
    await carryOut(given, { kind: 'attach', pid: 42 });
    expect(boxes.map(({ message }) => message)).toEqual(['Attach to process 42?']);
    expect(reach).toHaveBeenCalledWith({ pid: 42 });
    expect(shown).toEqual([{ kind: 'session', sessionId: 's-1' }]);
  });

  test('is not done after a no', async () => {
    const { given, shown, reach } = parts(1);
    await carryOut(given, { kind: 'connect', url: 'ws://10.0.0.1:1/x' });
    expect(reach).not.toHaveBeenCalled();
    expect(shown).toEqual([]);
  });

  test('says why it failed', async () => {
    const { given, boxes, shown } = parts(0, new HeaphouseError('not-found', 'There is no process 42.', { advice: 'Look at the list.' }));
    await carryOut(given, { kind: 'attach', pid: 42 });
    expect(boxes[1]).toMatchObject({ type: 'error', message: 'There is no process 42.', detail: 'Look at the list.' });
    expect(shown).toEqual([]);
  });
});
