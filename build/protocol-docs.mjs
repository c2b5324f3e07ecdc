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
    '`Schema`, `Runtime` and `HeapProfiler` where they fit and the domain below where none does. How the heap maps to a',
    '`.heapsnapshot` is in [python-heap.md](python-heap.md).',
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
