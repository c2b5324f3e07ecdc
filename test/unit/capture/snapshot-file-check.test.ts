import { describe, expect, it } from 'vitest';
import { checkSnapshotText } from '#main/capture/snapshot-file-check.ts';

const HEAD = '{"snapshot":{"meta":{"node_fields":["type"]},"node_count":12,"edge_count":34,"trace_function_count":0},\n"nodes":[';

describe('the ends of a snapshot', () => {
  it.each(['"a","b"]}', '"a","b"]\n}\n', '"a" ] }  '])('accepts %j', (tail) => {
    expect(checkSnapshotText(HEAD, tail)).toEqual({ nodes: 12, edges: 34 });
  });

  it.each(['', '"a","b"', '"a","b"]', '"a","b}', '1,2,3]}'])('refuses the end %j', (tail) => {
    expect(() => checkSnapshotText(HEAD, tail)).toThrow(/end is missing/);
  });

  it.each(['', '[]', '{"nodes":[]}', '<html>'])('refuses the beginning %j', (head) => {
    expect(() => checkSnapshotText(head, '"a"]}')).toThrow(/begin/);
  });

  it('refuses a header without counts', () => {
    expect(() => checkSnapshotText('{"snapshot":{"meta":{}}', '"a"]}')).toThrow(/node_count/);
  });
});
