/**
 * Errors that cross a process boundary. The set of codes is closed: a view may switch over it, and every code has one
 * meaning whoever raises it. `message` is a sentence for the user, `advice` says what to do, `detail` is for copying.
 */
export const ERROR_CODES = [
  /** The caller asked to stop. */
  'cancelled',
  /** A pid, session, snapshot, file or method that does not exist (any more). */
  'not-found',
  /** Parameters that do not fit the contract, or values that make no sense. */
  'invalid-argument',
  /** The action cannot be done now because the same thing is already under way or done. */
  'busy',
  /** The operating system or the target refuses: other user, ptrace scope, missing capability. */
  'permission',
  /** Something this action needs is not installed or not built in (gdb, an interpreter, an inspector). */
  'missing-part',
  /** The other side does not speak what we expect: not a DevTools endpoint, wrong architecture, unknown version. */
  'unsupported',
  /** The target process ended or closed the connection. */
  'target-gone',
  /** One of our own worker processes ended. */
  'host-crashed',
  /** A file that is empty, truncated, or not what its name says. */
  'bad-file',
  /** Reading or writing failed: disk full, read-only folder, vanished folder. */
  'io',
  'out-of-memory',
  'timeout',
  /** A fault of ours. */
  'internal',
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

export interface WireError {
  code: ErrorCode;
  message: string;
  /** What the user can do about it, one or two sentences. */
  advice?: string;
  /** Technical text to copy: output of a tool, a stack. Bounded by the sender. */
  detail?: string;
}

const MAX_DETAIL_CHARS = 8_000;

export class HeaphouseError extends Error {
  readonly code: ErrorCode;
  readonly advice: string | undefined;
  readonly detail: string | undefined;

  constructor(code: ErrorCode, message: string, more: { advice?: string; detail?: string; cause?: unknown } = {}) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.name = 'HeaphouseError';
    this.code = code;
    this.advice = more.advice;
    this.detail = more.detail;
  }
}

export function isErrorCode(value: unknown): value is ErrorCode {
  return (ERROR_CODES as readonly unknown[]).includes(value);
}

/** Any thrown value as what may cross a boundary. Errors that are not ours keep their text but become `internal`. */
export function toWireError(error: unknown): WireError {
  if (error instanceof HeaphouseError) {
    const wire: WireError = { code: error.code, message: error.message };
    if (error.advice !== undefined) wire.advice = error.advice;
    if (error.detail !== undefined) wire.detail = error.detail.slice(0, MAX_DETAIL_CHARS);
    return wire;
  }
  if (error instanceof Error) {
    if (error.name === 'AbortError') return { code: 'cancelled', message: 'Cancelled.' };
    const detail = (error.stack ?? error.message).slice(0, MAX_DETAIL_CHARS);
    return { code: 'internal', message: error.message || error.name, detail };
  }
  return { code: 'internal', message: String(error).slice(0, 1_000) };
}

/** The error on the receiving side. Anything that is not a wire error becomes `internal`, never an exception here. */
export function fromWireError(wire: unknown): HeaphouseError {
  if (typeof wire === 'object' && wire !== null) {
    const { code, message, advice, detail } = wire as Record<string, unknown>;
    if (isErrorCode(code) && typeof message === 'string') {
      return new HeaphouseError(code, message, {
        ...(typeof advice === 'string' ? { advice } : {}),
        ...(typeof detail === 'string' ? { detail } : {}),
      });
    }
  }
  return new HeaphouseError('internal', 'The other side reported an error that cannot be read.');
}

export function cancelledError(): HeaphouseError {
  return new HeaphouseError('cancelled', 'Cancelled.');
}

export function isCancelled(error: unknown): boolean {
  return error instanceof HeaphouseError ? error.code === 'cancelled' : error instanceof Error && error.name === 'AbortError';
}
