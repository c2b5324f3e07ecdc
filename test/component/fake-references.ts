/** Answers of the `references` contract for component tests. Every name says that it is a test's. */
import type { referencesContract } from '#shared/contracts/references.ts';
import type { GarbageReport, ReferenceReport, ReferenceTrace, TraceStep } from '#shared/model/references.ts';
import type { ServiceHandlers } from '#shared/rpc/define-service.ts';

const step = (more: Partial<TraceStep>): TraceStep => ({ line: 1, source: '', bound: true, rebound: false, count: 1, state: 'counted', named: 1, type: 'str', text: "'test'", address: '7f00', appeared: [], disappeared: [], ...more });

export function fakeTrace(more: Partial<ReferenceTrace> = {}): ReferenceTrace {
  return {
    file: '/srv/test_service.py',
    function: 'handle',
    firstLine: 7,
    variable: 'node',
    steps: [
      step({ line: 0, appeared: [{ kind: 'local', name: 'node', count: 1 }] }),
      step({ line: 8, source: '    other = node', count: 2, named: 2, appeared: [{ kind: 'local', name: 'other', count: 1 }] }),
      step({ line: 9, source: '    del other', count: 1, disappeared: [{ kind: 'local', name: 'other', count: 1 }] }),
    ],
    cut: false,
    subtracted: [{ name: 'constants of the traced code', count: 1 }],
    notes: ['A note of the test.'],
    error: null,
    ...more,
  };
}

export function fakeReport(more: Partial<ReferenceReport> = {}): ReferenceReport {
  return {
    type: 'app.Session',
    text: '<app.Session object at 0x7f00>',
    address: '7f00',
    state: 'counted',
    count: 3,
    referrers: [
      { kind: 'global', name: 'current', type: 'dict', holder: 'module app', address: '7f10' },
      { kind: 'element', name: '[4]', type: 'list', holder: '<img src=x onerror="window.pwned=1">', address: '7f20' },
    ],
    named: 2,
    heldFromC: 1,
    borrowed: 0,
    ours: [{ name: 'kept by Heaphouse for this question', count: 1 }],
    notes: [],
    elapsedMs: 4,
    ...more,
  };
}

export function fakeGarbage(at: number): GarbageReport {
  return {
    at,
    objects: 8,
    cycles: 3,
    inCycles: 6,
    bytes: 640,
    heldBytes: 2_048,
    types: [{ type: 'app.Node', objects: 6, bytes: 480 }],
    groups: [
      {
        count: 2,
        objectsEach: 2,
        bytes: 320,
        heldBytes: 2_048,
        attached: 2,
        types: [{ type: 'app.Node', objects: 2 }],
        objects: [{ type: 'app.Node', text: '<app.Node>', address: '1' }, { type: 'app.Node', text: '<app.Node>', address: '2' }],
        edges: [{ from: 0, to: 1, name: 'next', kind: 'attribute' }, { from: 1, to: 0, name: 'previous', kind: 'attribute' }],
      },
      { count: 1, objectsEach: 1, bytes: 88, heldBytes: 0, attached: 0, types: [{ type: 'list', objects: 1 }], objects: [{ type: 'list', text: 'list(1)', address: '3' }], edges: [{ from: 0, to: 0, name: '[0]', kind: 'element' }] },
    ],
    groupCount: 2,
    cut: false,
    pauseMs: 1.5,
    lookMs: 20,
    releaseMs: 0.5,
    releasedBlocks: 30,
    keptByProgram: false,
    uncollectable: [{ type: 'app.Stuck', text: '<app.Stuck>', address: '9' }],
    uncollectableCount: 1,
  };
}

/** `enter` notes the call and waits or fails as the test has asked. */
export function fakeReferencesHandlers(at: number, enter: (name: string, params: unknown) => Promise<void>): ServiceHandlers<typeof referencesContract> {
  const answer = <P, R>(name: string, make: (params: P) => R) => async (params: P) => {
    await enter(`references.${name}`, params);
    return make(params);
  };
  return {
    methods: {
      referrers: answer('referrers', () => fakeReport()),
      modules: answer('modules', () => ({ modules: [{ name: '__main__', file: '/srv/test_service.py' }, { name: 'app.handlers', file: '/srv/app/handlers.py' }] })),
      functions: answer('functions', () => ({
        functions: [
          { name: 'numbers', line: 3, file: '/srv/test_service.py', variables: ['n'], reason: 'a generator of the test' },
          { name: 'handle', line: 7, file: '/srv/test_service.py', variables: ['node', 'other'], reason: null },
        ],
      })),
      traceCall: answer('traceCall', () => fakeTrace()),
      traceText: answer('traceText', ({ variable }: { variable: string }) => fakeTrace({ variable, function: '<module>' })),
      cancelTrace: answer('cancelTrace', () => null),
      exploreGarbage: answer('exploreGarbage', () => fakeGarbage(at)),
    },
    events: {},
  };
}
