/** Checks an address before anything connects to it. */
export interface CheckedAddress {
  url: string;
  host: string;
  /** Not this machine: the user must confirm. */
  remote: boolean;
}

const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/i;

/** `host:port` and a bare port are read as http. Null when it is no address. */
export function checkAddress(text: string): CheckedAddress | null {
  const trimmed = text.trim();
  const full = /^\d{2,5}$/.test(trimmed) ? `http://127.0.0.1:${trimmed}` : /^[a-z]+:\/\//i.test(trimmed) ? trimmed : `http://${trimmed}`;
  try {
    const url = new URL(full);
    if (!/^(?:wss?|https?):$/.test(url.protocol) || url.hostname === '') return null;
    return { url: full, host: url.host, remote: !LOOPBACK.test(url.hostname) };
  } catch {
    return null;
  }
}
