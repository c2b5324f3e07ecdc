/** What the database says, as a sentence for the user, with the place in the statement as detail. */
import { cancelledError, HeaphouseError, isCancelled } from '#shared/rpc/errors.ts';

export function queryError(error: unknown): HeaphouseError {
  if (error instanceof HeaphouseError) return error;
  if (isCancelled(error)) return cancelledError();
  const text = (error instanceof Error ? error.message : String(error)).trim();
  if (/^INTERRUPT\b/i.test(text)) return cancelledError();
  // "Binder Error: Referenced column …\nCandidate bindings: …\n\nLINE 1: …\n   ^"
  const [head = '', ...places] = text.split(/\n\s*\n(?=LINE \d+:)/);
  const [, kind = '', message = head] = /^([A-Z][\w -]*?) Error: (.*)$/s.exec(head) ?? [];
  const detail = places.join('\n').trimEnd();
  const first = message.split('\n').map((line) => line.trim()).filter(Boolean);
  if (kind === 'Out of Memory') {
    return new HeaphouseError('out-of-memory', 'The statement needs more memory than a query may take.', {
      advice: 'Narrow it with WHERE before joining, sorting or grouping, or group by fewer columns.',
      detail: text,
      cause: error,
    });
  }
  if (kind === 'Permission') {
    return new HeaphouseError('permission', `A query reads the heap only: ${first[0] ?? message}`, { advice: 'Files, the network and settings are out of its reach.', detail, cause: error });
  }
  const sentence = first.join(' ');
  return new HeaphouseError('invalid-argument', sentence.length > 600 ? `${sentence.slice(0, 599)}…` : sentence || text, {
    ...(detail ? { detail } : {}),
    cause: error,
  });
}
