/** The protocol of the Python agent is one document: the JSON, what the agent answers, what we send, what docs say. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { documentFile, protocolDocument, protocolFile } from '../../../build/protocol-docs.mjs';

interface Protocol {
  domains: { domain: string; commands: { name: string }[]; events?: { name: string }[] }[];
}

const protocol = JSON.parse(readFileSync(protocolFile, 'utf8')) as Protocol;
const agentDir = 'main/agents/python/heaphouse_agent';
const named = (text: string, pattern: RegExp) => [...new Set([...text.matchAll(pattern)].map((match) => match[1]))].sort();
const agentSource = readdirSync(agentDir)
  .filter((name) => name.endsWith('.py'))
  .map((name) => readFileSync(join(agentDir, name), 'utf8'))
  .join('\n');
const commands = protocol.domains.flatMap(({ domain, commands: all }) => all.map(({ name }) => `${domain}.${name}`)).sort();

it('docs/protocol.md is what the JSON says (if not: npm run protocol)', () => {
  expect(readFileSync(documentFile, 'utf8')).toBe(protocolDocument(protocol));
});

it('every command that the agent answers is in the JSON, and the other way round', () => {
  // Of HeapProfiler only what means something of its own in Python is described.
  expect(named(agentSource, /'((?:Python|Profiler|Debugger)\.\w+)': \w+/g)).toEqual(commands.filter((name) => !name.startsWith('HeapProfiler.')));
  expect(named(agentSource, /'(HeapProfiler\.\w+)': \w+/g)).toEqual(expect.arrayContaining(commands.filter((name) => name.startsWith('HeapProfiler.'))));
});

it('every command and event of the domain that we use is in the JSON', () => {
  const used = named(readFileSync('main/cdp/protocol.ts', 'utf8'), /'(Python\.\w+)'/g);
  const known = [...commands, ...protocol.domains.flatMap(({ domain, events }) => (events ?? []).map(({ name }) => `${domain}.${name}`))];
  expect(used.filter((name) => !known.includes(name))).toEqual([]);
});
