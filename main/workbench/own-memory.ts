/** Resident memory of a process of ours, for the status bar. */
import { readFile } from 'node:fs/promises';

/** Bytes, or null where the system does not tell. VmRSS is in KiB whatever the page size. */
export async function processRss(pid: number): Promise<number | null> {
  if (pid === process.pid) return process.memoryUsage.rss();
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const match = /^VmRSS:\s+(\d+) kB$/m.exec(status);
  return match ? Number(match[1]) * 1024 : null;
}
