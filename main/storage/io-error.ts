/** Failed file operations in words: what, where, and what to do. */
import { HeaphouseError } from '#shared/rpc/errors.ts';

const REASONS: Record<string, [text: string, advice: string]> = {
  ENOSPC: ['the disk is full', 'Free some space, or choose another folder.'],
  EDQUOT: ['the disk quota is used up', 'Free some space, or choose another folder.'],
  EACCES: ['permission is denied', 'Choose a folder you may write to, or change its permissions.'],
  EPERM: ['the system does not allow it', 'Choose a folder you may write to.'],
  EROFS: ['the file system is read-only', 'Choose a folder on a writable disk.'],
  ENOENT: ['it does not exist', 'Check the path.'],
  ENOTDIR: ['a part of the path is not a folder', 'Check the path.'],
  EISDIR: ['it is a folder', 'Give the path of a file.'],
  EEXIST: ['it exists already', 'Choose another name.'],
  EMFILE: ['too many files are open', 'Close some sessions and try again.'],
};

/** `verb` in the infinitive: `read`, `write`, `create`. */
export function ioError(error: unknown, verb: string, path: string): HeaphouseError {
  if (error instanceof HeaphouseError) return error;
  const code = (error as NodeJS.ErrnoException | null)?.code;
  const known = code === undefined ? undefined : REASONS[code];
  const reason = known?.[0] ?? (error instanceof Error ? error.message : String(error));
  return new HeaphouseError(code === 'ENOENT' && verb === 'read' ? 'not-found' : 'io', `Cannot ${verb} ${path}: ${reason}.`, {
    ...(known ? { advice: known[1] } : {}),
    ...(error instanceof Error ? { detail: error.message } : {}),
    cause: error,
  });
}
