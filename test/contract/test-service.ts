import * as v from 'valibot';
import { defineService, event, method } from '#shared/rpc/define-service.ts';
import { ERROR_CODES, HeaphouseError, cancelledError } from '#shared/rpc/errors.ts';
import type { RpcServer } from '#shared/rpc/server.ts';

export const testContract = defineService('test', {
  methods: {
    add: method<number>()(v.object({ a: v.number(), b: v.number() })),
    fail: method<null>()(v.object({ code: v.picklist(ERROR_CODES) })),
    throwPlain: method<null>()(v.object({})),
    countTo: method<null, number>()(v.object({ n: v.number() })),
    wait: method<null>()(v.object({ ms: v.number() })),
    echo: method<unknown>()(v.object({ value: v.unknown() })),
    openSubscriptions: method<number>()(v.object({})),
  },
  events: { tick: event<number>()(v.object({ everyMs: v.pipe(v.number(), v.minValue(1)) })) },
});

/** Provides the service and counts the calls that were aborted. */
export function provideTestService(server: RpcServer): { count: number } {
  const aborted = { count: 0 };
  let subscriptions = 0;
  server.provide(testContract, {
    methods: {
      add: ({ a, b }) => a + b,
      fail({ code }) {
        throw new HeaphouseError(code, 'No.', { advice: 'Ask.', detail: 'why' });
      },
      throwPlain() {
        throw new Error('plain');
      },
      countTo({ n }, { progress }) {
        for (let i = 1; i <= n; i++) progress(i);
        return null;
      },
      wait: ({ ms }, { signal }) =>
        new Promise((resolve, reject) => {
          const timer = setTimeout(() => resolve(null), ms);
          signal.addEventListener('abort', () => {
            aborted.count++;
            clearTimeout(timer);
            reject(cancelledError());
          });
        }),
      echo: ({ value }) => value,
      openSubscriptions: () => subscriptions,
    },
    events: {
      tick({ everyMs }, emit) {
        subscriptions++;
        let n = 0;
        const timer = setInterval(() => emit(++n), everyMs);
        return () => {
          subscriptions--;
          clearInterval(timer);
        };
      },
    },
  });
  return aborted;
}
