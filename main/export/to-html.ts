/**
 * One self-contained HTML page: the first screen says what grew and what holds it, below it everything to check that
 * with. Works without a network and, but for sorting and filtering, without scripts.
 */
import { formatBytes, formatBytesDelta, formatBytesExact } from '#shared/format/bytes.ts';
import { formatCount, formatCountDelta, formatCountOf } from '#shared/format/counts.ts';
import { formatShare } from '#shared/format/percent.ts';
import { escapeHtml } from '#shared/format/html.ts';
import { visibleText } from '#shared/format/visible-text.ts';
import type { Amount } from '#shared/model/heap.ts';
import { growthSections } from './growth-html.ts';
import { groupLabel } from './holder-text.ts';
import { REPORT_CSP, REPORT_SCRIPT, REPORT_STYLE } from './html-assets.ts';
import { COMPARISON_CELLS, type ComparisonReport, type ReportAllocations, type ReportClass, type ReportHolderGroup, type ReportHolders, type ReportSnapshot } from './report-model.ts';
import { allocationNote } from './site-text.ts';

/** Rows of the class table at most; fewer when names are long. */
const MAX_CLASSES = 3_000;
const MAX_NAME_CHARS = 300;
const MAX_BYTES = 5_000_000;
/** What is left for head, totals and the sentences after the table. */
const RESERVED_BYTES = 60_000;
const MAX_HOLDERS_BYTES = 1_500_000;
const MAX_GROWTH_BYTES = 700_000;

const text = (value: string, maxChars = MAX_NAME_CHARS) => escapeHtml(visibleText(value, maxChars));
const bytesOf = (html: string) => Buffer.byteLength(html);

/** The page. `cuts` names what did not fit, besides what the report itself had left out. */
export function comparisonToHtml(report: ComparisonReport): { html: string; cuts: string[] } {
  const cuts = [...report.cuts];
  const holders = fill(report.holders.map((entry) => holderSection(entry, report.allocations.find(({ className }) => className === entry.className))), MAX_HOLDERS_BYTES);
  if (holders.taken < report.holders.length) cuts.push(`Holders of ${report.holders.length - holders.taken} more classes are left out of this page.`);
  const growth = fill(growthSections(report.growth), MAX_GROWTH_BYTES);
  if (growth.taken < report.growth.length) cuts.push(`${formatCount(report.growth.length - growth.taken)} more lines of the growth tree are left out of this page.`);
  const room = MAX_BYTES - RESERVED_BYTES - bytesOf(REPORT_STYLE) - bytesOf(REPORT_SCRIPT) - bytesOf(holders.html) - bytesOf(growth.html);
  const classes = fill(report.classes.slice(0, MAX_CLASSES).map(classRow), room);
  if (classes.taken < report.classes.length) {
    cuts.push(
      `The table shows the ${formatCount(classes.taken)} classes that grew most, of ${formatCount(report.classes.length)}; JSON and CSV have all of them.`,
    );
  }
  const html = [
    head(report),
    `<body>\n<main>\n<h1>${text(report.title)}</h1>\n<p class="headline">${headline(report.headline.text)}</p>\n`,
    report.warning ? `<p class="warning">${text(report.warning, 1_000)}</p>\n` : '',
    snapshotTable(report),
    `<h2>What holds what grew${report.allocations.length > 0 ? ', and where it was allocated' : ''}</h2>\n`,
    holders.html || '<p class="note">No class has more objects than before.</p>\n',
    `<h2>Where new objects hang</h2>\n`,
    growth.html || '<p class="note">Nothing is new.</p>\n',
    classTable(classes.html, classes.taken),
    about(report, cuts),
    `</main>\n<script>${REPORT_SCRIPT}</script>\n</body>\n</html>\n`,
  ].join('');
  return { html, cuts };
}

function fill(parts: string[], maxBytes: number): { html: string; taken: number } {
  let bytes = 0;
  let taken = 0;
  for (const part of parts) {
    bytes += bytesOf(part);
    if (bytes > maxBytes) break;
    taken++;
  }
  return { html: parts.slice(0, taken).join(''), taken };
}

function head(report: ComparisonReport): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${REPORT_CSP}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="generator" content="${text(report.generator)}">
<title>${text(report.title)}</title>
<style>${REPORT_STYLE}</style>
</head>
`;
}

/** Names stand between backquotes in the sentence; the writer of it has taken them out of the names themselves. */
function headline(sentence: string): string {
  return sentence
    .split('`')
    .map((part, index) => (index % 2 === 1 ? `<code>${text(part, 400)}</code>` : text(part, 400)))
    .join('');
}

function snapshotTable(report: ComparisonReport): string {
  const line = (label: string, of: (snapshot: ReportSnapshot) => string, delta = '') =>
    `<tr><th scope="row">${label}</th><td>${of(report.base)}</td><td>${of(report.compared)}</td><td>${delta}</td></tr>\n`;
  const { totals } = report;
  const total = (label: string, amount: Amount) =>
    `<tr><th scope="row">${label}</th><td>${formatCount(amount.objects)}</td><td>${formatBytes(amount.shallowBytes)}</td><td>${formatBytes(amount.retainedBytes)}</td></tr>\n`;
  const sameNames = report.base.file === report.base.name && report.compared.file === report.compared.name;
  const files = sameNames ? '' : line('File', (snapshot) => text(snapshot.file));
  return `<div class="scroll"><table>
<thead><tr><th scope="col">Snapshot</th><th scope="col">Base</th><th scope="col">Compared</th><th scope="col">Change</th></tr></thead>
<tbody>
${line('Name', (snapshot) => text(snapshot.name))}${files}${line('Taken', (snapshot) => text(snapshot.takenAt))}${line('Objects', (snapshot) => formatCount(snapshot.objects), formatCountDelta(report.compared.objects - report.base.objects))}${line('Size of all objects', (snapshot) => formatBytes(snapshot.shallowBytes), formatBytesDelta(report.compared.shallowBytes - report.base.shallowBytes))}</tbody>
</table></div>
<div class="scroll"><table>
<thead><tr><th scope="col">Objects that are</th><th scope="col">Count</th><th scope="col">Own size</th><th scope="col">Retained</th></tr></thead>
<tbody>
${total('new: in compared only', totals.new)}${total('dead: in base only', totals.dead)}${total('survived: in both', totals.survived)}</tbody>
</table></div>
`;
}

function holderSection(entry: ReportHolders, allocated: ReportAllocations | undefined): string {
  const groups = entry.groups.map((group) => holderGroup(group, entry)).join('');
  return `<section class="holder"><h3><code>${text(entry.className)}</code></h3>
<p class="note">${formatCountOf(entry.objects, 'new object')}${entry.groups.length === 0 ? '; nothing the program can reach holds them' : ''}</p>
${groups}${allocated ? siteList(allocated) : ''}</section>
`;
}

function siteList(entry: ReportAllocations): string {
  const note = allocationNote(entry);
  const items = entry.sites
    .map((site) => `<li><strong>${entry.sampled ? '\u2248 ' : ''}${formatCount(site.objects)}</strong> (${formatShare(site.share, 1)}) <code>${text(site.site)}</code></li>`)
    .join('');
  return `<p class="note">Allocated at${note ? ` (${text(note)})` : ''}</p>\n<ul class="sites">${items}</ul>\n`;
}

function holderGroup(group: ReportHolderGroup, entry: ReportHolders): string {
  const share = entry.objects > 0 ? Math.max(0, Math.min(1, group.objects / entry.objects)) : 0;
  const steps = group.steps
    .map(({ edge, node }) => `<li>${edge ? `<span class="edge">${text(edge, 120)}</span> ` : ''}<code>${text(node, 160)}</code></li>`)
    .join('');
  const retained = group.retainedBytes === null ? '' : `, ${formatBytes(group.retainedBytes)} retained`;
  return `<details><summary><strong>${formatCount(group.objects)}</strong> held by <code>${text(groupLabel(group, entry.groups))}</code>${retained}
<svg class="bar" viewBox="0 0 160 6" role="img" aria-label="${Math.round(share * 100)} percent"><rect width="160" height="6"/><rect width="${(share * 160).toFixed(1)}" height="6"/></svg></summary>
<ol class="path">${steps}</ol>
<p class="note">Own size ${formatBytesExact(group.shallowBytes)}. Example: <code>${text(group.example.name)}</code> @${group.example.id}</p></details>
`;
}

const MEASURES = [
  ['objects', 'objects', formatCount, formatCountDelta],
  ['shallowBytes', 'own size', formatBytes, formatBytesDelta],
  ['retainedBytes', 'retained', formatBytes, formatBytesDelta],
] as const;

function classRow(row: ReportClass): string {
  let cells = '';
  for (const [measure, , format, formatDelta] of MEASURES) {
    for (const cell of COMPARISON_CELLS) {
      const value = row[cell][measure];
      const look = cell === 'delta' ? ` class="${value > 0 ? 'up' : value < 0 ? 'down' : 'zero'}"` : '';
      cells += `<td data-v="${value}"${look}>${cell === 'delta' ? formatDelta(value) : format(value)}</td>`;
    }
  }
  return `<tr><td><code>${text(row.name)}</code></td>${cells}</tr>\n`;
}

function classTable(rows: string, count: number): string {
  const columns = MEASURES.flatMap(([, measure]) =>
    COMPARISON_CELLS.map((cell) => `<th scope="col" title="${cell}: ${measure}">${cell === 'delta' ? `\u0394 ${measure}` : cell}</th>`),
  );
  const choice = (id: string, label: string, checked = false) =>
    `<input class="measure" type="radio" name="measure" id="m-${id}"${checked ? ' checked' : ''}><label for="m-${id}">${label}</label>`;
  return `<h2>Classes</h2>
<div class="tools script-only"><label>Filter <input type="search" id="filter" placeholder="part of a class name" autocomplete="off"></label><span id="shown" role="status"></span></div>
${choice('overview', 'Overview', true)}${choice('objects', 'Objects')}${choice('shallow', 'Own size')}${choice('retained', 'Retained')}
<div class="scroll"><table id="classes">
<caption>${formatCountOf(count, 'class', 'classes')}, those that grew most first; the overview counts objects. new: in compared only; dead: in base only; survived: in both; \u0394: compared minus base.</caption>
<thead><tr><th scope="col">Class</th>${columns.join('')}</tr></thead>
<tbody>
${rows}</tbody>
</table></div>
`;
}

function about(report: ComparisonReport, cuts: string[]): string {
  const list = cuts.map((cut) => `<li>${text(cut, 1_000)}</li>`).join('');
  return `<h2>About this report</h2>
<p class="note">${text(report.identityNote, 1_000)}</p>
<p class="note">Retained size of a class: what would be freed if all its objects went. Rows overlap, so they do not add up.</p>
${list ? `<p class="note">Left out:</p><ul class="note">${list}</ul>` : '<p class="note">Nothing was left out.</p>'}
<p class="note">Written by ${text(report.generator)} on ${text(report.createdAt)}.</p>
`;
}
