/**
 * The messages of the RPC. A client numbers its calls and subscriptions from one counter; the server answers with the
 * same number. `scope` selects one of several instances of a service (a session id for the per-session hosts).
 */
import * as v from 'valibot';

/** Raised when a frame changes shape; both sides compare it in `hello`. */
export const RPC_PROTOCOL = 1;

export const frameId = v.pipe(v.number(), v.safeInteger(), v.minValue(1));
const id = frameId;
const name = v.pipe(v.string(), v.maxLength(64));
const scope = v.optional(v.pipe(v.string(), v.maxLength(128)));

export const clientFrameSchema = v.variant('t', [
  v.object({ t: v.literal('call'), id, service: name, scope, method: name, params: v.unknown() }),
  v.object({ t: v.literal('cancel'), id }),
  v.object({ t: v.literal('subscribe'), id, service: name, scope, event: name, params: v.unknown() }),
  v.object({ t: v.literal('unsubscribe'), id }),
]);
export type ClientFrame = v.InferOutput<typeof clientFrameSchema>;

export const serverFrameSchema = v.variant('t', [
  v.object({ t: v.literal('hello'), protocol: v.number() }),
  v.object({ t: v.literal('result'), id, value: v.unknown() }),
  v.object({ t: v.literal('error'), id, error: v.unknown() }),
  v.object({ t: v.literal('progress'), id, value: v.unknown() }),
  v.object({ t: v.literal('event'), id, value: v.unknown() }),
]);
export type ServerFrame = v.InferOutput<typeof serverFrameSchema>;
