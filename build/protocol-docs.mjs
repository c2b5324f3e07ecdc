// Writes docs/protocol.md from the protocol of the Python agent (main/agents/python/protocol.json, in the format of
// devtools-protocol). `npm run protocol`; a unit test fails when the document is behind.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { root } from './runtime.mjs';

const cell = (text = '') => text.replace(/\s+/g, ' ').replace(/\|/g, '\\|').trim();

function typeOf(item) {
  if (item.$ref) return `[${item.$ref}](#${item.$ref.toLowerCase()})`;
  if (item.type === 'array') return `array of ${item.items ? typeOf(item.items) : 'any'}`;
  if (item.enum) return item.enum.map((value) => `\`${value}\``).join(', ');
  return item.type ?? 'any';
}

function table(title, items) {
  if (!items?.length) return [];
  return [
    '',
    `| ${title} | type | |`,
    '| --- | --- | --- |',
    ...items.map((item) => `| \`${item.name}\`${item.optional ? ' (optional)' : ''} | ${typeOf(item)} | ${cell(item.description)} |`),
  ];
}

function section(heading, item, tables) {
  const mark = item.experimental ? ' *(experimental)*' : '';
  return ['', `### ${heading}${mark}`, '', cell(item.description), ...tables.flatMap(([title, items]) => table(title, items))];
}

/** The document as text. */
export function protocolDocument(protocol) {
  const lines = [
    '# Protocol of the Python agent',
    '',
    '<!-- Written by `npm run protocol` from main/agents/python/protocol.json: change that file, not this one. -->',
    '',
    'The agent inside a CPython process speaks the Chrome DevTools Protocol over a WebSocket, with the standard domains',
    '`Schema`, `Runtime`, `HeapProfiler` and `Profiler` where they fit and the domain `Python` where none does. How the heap',
    'maps to a `.heapsnapshot` is in [python-heap.md](python-heap.md), what sampling means and costs in',
    '[allocations.md](allocations.md).',
    '',
    '## Chrome DevTools',
    '',
    'The front end of Chrome DevTools works with a Python process: the console evaluates Python, the Memory panel takes heap',
    'snapshots and samples allocations. Open the `devtoolsFrontendUrl` of `http://127.0.0.1:PORT/json/list` in a Chromium, or add',
    '`127.0.0.1:PORT` to the targets of `chrome://inspect`.',
    '',
    '![Chrome DevTools with a heap snapshot of a Python process](images/devtools-python-memory.png)',
    '',
    'Who may connect: the address has a path of 160 random bits and is on loopback; the peer must be a process of the same user',
    '(or root); `Host` must be a loopback name, which stops DNS rebinding. Pages send an `Origin`: accepted are `devtools://`,',
    'which no web page can have, and `http` or `https` on loopback, where the front end of a browser with a debugging port is',
    'served from; such a page still needs the path, and cannot read it from `/json/list`, because no answer carries a header',
    'that lets another origin read it. Every other `Origin` is refused with 403.',
  ];
  for (const domain of protocol.domains) {
    lines.push('', `## ${domain.domain}`, '', cell(domain.description));
    for (const command of domain.commands ?? []) {
      lines.push(...section(`${domain.domain}.${command.name}`, command, [['parameter', command.parameters], ['result', command.returns]]));
    }
    for (const event of domain.events ?? []) {
      lines.push(...section(`Event ${domain.domain}.${event.name}`, event, [['parameter', event.parameters]]));
    }
    for (const type of domain.types ?? []) lines.push(...section(type.id, type, [['property', type.properties]]));
  }
  return `${lines.join('\n')}\n`;
}

export const protocolFile = join(root, 'main', 'agents', 'python', 'protocol.json');
export const documentFile = join(root, 'docs', 'protocol.md');

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(documentFile, protocolDocument(JSON.parse(readFileSync(protocolFile, 'utf8'))));
}
