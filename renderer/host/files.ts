/** Files in and out of the page: paths of dropped files, uploads to the web host, saving what the workbench wrote. */
import { fromWireError, HeaphouseError } from '#shared/rpc/errors.ts';
import type { ShellClient } from './workbench.ts';

/**
 * A path the workbench can open for a file that the user dropped or chose. Electron knows the path; on the web host
 * the file is streamed up and its path there is returned.
 */
export async function pathOfFile(file: File, signal?: AbortSignal): Promise<string> {
  if (window.heaphouse) {
    const path = window.heaphouse.pathForFile(file);
    if (path) return path;
    throw new HeaphouseError('not-found', `"${file.name}" has no path on this machine.`);
  }
  const url = new URL('upload', location.href);
  url.hash = '';
  url.search = new URLSearchParams({ name: file.name }).toString();
  const response = await fetch(url, { method: 'POST', body: file, signal: signal ?? null, credentials: 'same-origin' });
  const text = await response.text();
  const answer = parseObject(text);
  if (!response.ok || typeof answer?.['path'] !== 'string') {
    if (answer && 'error' in answer) throw fromWireError(answer['error']);
    throw new HeaphouseError('io', `"${file.name}" could not be uploaded (HTTP ${response.status}).`, { detail: text.slice(0, 2_000) });
  }
  return answer['path'];
}

function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

/** Gives the user a file of the workbench: a save dialog in Electron, a download on the web. Null when cancelled. */
export async function saveForUser(shell: ShellClient, sourcePath: string, suggestedName: string): Promise<string | null> {
  const { savedPath, downloadUrl } = await shell.saveFile({ sourcePath, suggestedName });
  if (savedPath !== null) return savedPath;
  if (downloadUrl === null) return null;
  const url = new URL(downloadUrl, location.href);
  if (url.origin !== location.origin) throw new HeaphouseError('internal', 'The download address is not of this workbench.');
  const link = document.createElement('a');
  link.href = url.href;
  link.download = suggestedName;
  link.hidden = true;
  document.body.append(link);
  link.click();
  link.remove();
  return suggestedName;
}
