/**
 * A service is declared once: its methods with a runtime schema for the parameters and types for result and progress,
 * and its events. Client and server types are inferred from the declaration.
 *
 *   const clock = defineService('clock', {
 *     methods: { now: method<number>()(v.object({})) },
 *     events: { tick: event<number>()(v.object({ everyMs: v.number() })) },
 *   });
 */
import type { GenericSchema, InferInput, InferOutput } from 'valibot';
import type { Dispose } from './channel.ts';

declare const resultType: unique symbol;

export interface MethodDef<P extends GenericSchema = GenericSchema, R = unknown, G = unknown> {
  params: P;
  [resultType]?: { result: R; progress: G };
}

export interface EventDef<P extends GenericSchema = GenericSchema, E = unknown> {
  params: P;
  [resultType]?: { value: E };
}

export interface ServiceDef {
  name: string;
  methods: Record<string, MethodDef>;
  events: Record<string, EventDef>;
}

export function method<R, G = never>() {
  return <P extends GenericSchema>(params: P): MethodDef<P, R, G> => ({ params });
}

export function event<E>() {
  return <P extends GenericSchema>(params: P): EventDef<P, E> => ({ params });
}

export function defineService<
  const N extends string,
  M extends Record<string, MethodDef<GenericSchema, unknown, unknown>>,
  E extends Record<string, EventDef<GenericSchema, unknown>> = Record<never, never>,
>(name: N, def: { methods: M; events?: E }): { name: N; methods: M; events: E } {
  return { name, methods: def.methods, events: def.events ?? ({} as E) };
}

/** Work under way: `done` of `total` of what the phase counts. `total` 0 means it is not known yet. */
export interface Progress {
  phase: string;
  done: number;
  total: number;
  unit: 'bytes' | 'objects' | 'nodes' | 'edges' | 'steps';
}

export interface CallOptions<G = unknown> {
  signal?: AbortSignal | undefined;
  onProgress?: ((value: G) => void) | undefined;
}

export interface CallContext<G = unknown> {
  signal: AbortSignal;
  progress: (value: G) => void;
}

type Result<D> = D extends MethodDef<GenericSchema, infer R, unknown> ? R : never;
type ProgressOf<D> = D extends MethodDef<GenericSchema, unknown, infer G> ? G : never;
type EventValue<D> = D extends EventDef<GenericSchema, infer E> ? E : never;

export type ServiceClient<S extends ServiceDef> = {
  [M in keyof S['methods']]: (
    params: InferInput<S['methods'][M]['params']>,
    options?: CallOptions<ProgressOf<S['methods'][M]>>,
  ) => Promise<Result<S['methods'][M]>>;
} & {
  /** Subscribes to an event; `onError` hears once if the subscription fails or its host dies. */
  on<E extends keyof S['events']>(
    event: E,
    params: InferInput<S['events'][E]['params']>,
    listener: (value: EventValue<S['events'][E]>) => void,
    onError?: (error: unknown) => void,
  ): Dispose;
};

export interface ServiceHandlers<S extends ServiceDef> {
  methods: {
    [M in keyof S['methods']]: (
      params: InferOutput<S['methods'][M]['params']>,
      context: CallContext<ProgressOf<S['methods'][M]>>,
    ) => Promise<Result<S['methods'][M]>> | Result<S['methods'][M]>;
  };
  events: {
    [E in keyof S['events']]: (
      params: InferOutput<S['events'][E]['params']>,
      emit: (value: EventValue<S['events'][E]>) => void,
    ) => Dispose;
  };
}
