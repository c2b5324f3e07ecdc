import { describe, expect, test } from 'vitest';
import { contentSecurityDirectives, contentSecurityPolicy } from '#shared/model/csp.ts';

describe('content security policy', () => {
  test('is the strict policy and nothing else', () => {
    expect(contentSecurityPolicy()).toBe(
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; " +
        "connect-src 'self'; worker-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    );
  });

  test('never weakens: no inline, no eval, no wildcard, no foreign scheme for code', () => {
    const policy = contentSecurityPolicy({ webSocketOrigin: 'ws://127.0.0.1:8123' });
    expect(policy).not.toMatch(/unsafe|\*|https?:/);
    const script = contentSecurityDirectives().find(([name]) => name === 'script-src');
    expect(script?.[1]).toEqual(["'self'"]);
  });

  test('adds exactly the web host’s socket to what may be connected', () => {
    expect(contentSecurityPolicy({ webSocketOrigin: 'ws://127.0.0.1:8123' })).toContain("connect-src 'self' ws://127.0.0.1:8123;");
    expect(contentSecurityPolicy({ webSocketOrigin: 'ws://[::1]:8123' })).toContain("connect-src 'self' ws://[::1]:8123;");
  });

  test.each(['ws://a; script-src *', 'ws://a b', '*', 'ws:', 'http://127.0.0.1:1', 'ws://h/path', ''])('refuses %j as an origin', (origin) => {
    expect(() => contentSecurityPolicy({ webSocketOrigin: origin })).toThrow(TypeError);
  });
});
