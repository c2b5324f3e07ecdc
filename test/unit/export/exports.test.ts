import { JSDOM } from 'jsdom';
import { beforeAll, describe, expect, it } from 'vitest';
import { buildComparisonReport } from '#main/export/comparison-report.ts';
import type { ComparisonReport } from '#main/export/report-model.ts';
import { comparisonToCsv } from '#main/export/to-csv.ts';
import { comparisonToHtml } from '#main/export/to-html.ts';
import { comparisonToJson, jsonText } from '#main/export/to-json.ts';
import { comparisonToMarkdown } from '#main/export/to-markdown.ts';
import { compareHeaps } from '#main/heap/compare.ts';
import { openHeap } from '#main/heap/open.ts';
import { comparisonPair, HOSTILE_NAMES } from '#test/fixtures/comparison-pair.ts';
import { withStacks, type Stacks } from '#test/fixtures/heap/with-stacks.ts';

async function reportOf(options: Parameters<typeof comparisonPair>[0], includeValues = true, stacks: Stacks | null = null): Promise<ComparisonReport> {
  const { base, compared } = comparisonPair(options);
  const comparison = await compareHeaps(await openHeap(base), await openHeap(stacks ? withStacks(compared, stacks) : compared));
  return buildComparisonReport(comparison, {
    title: 'Heap comparison: <leaky>',
    base: { name: 'Snapshot 1', takenAt: 0 },
    compared: { name: 'Snapshot 2', takenAt: 60_000 },
    generator: 'Heaphouse test',
    includeValues,
  });
}

let leak: ComparisonReport;
let hostile: ComparisonReport;
beforeAll(async () => {
  leak = await reportOf({ sessions: 300 });
  hostile = await reportOf({ sessions: 3, extraNames: HOSTILE_NAMES });
});

describe('the model', () => {
  it('leads with the leak: class, exact count, holder', () => {
    expect(leak.headline).toEqual({
      text: '+300 `__main__.Session` objects, +29.3 KiB retained, held by `module __main__ → _cache (dict)`.',
      className: '__main__.Session',
      objects: 300,
      retainedBytes: 30_000,
      holder: 'module __main__ → _cache (dict)',
      allocatedAt: null,
    });
    expect(leak.allocations).toEqual([]);
    expect(leak.classes[0]).toMatchObject({ name: '__main__.Session', new: { objects: 300, shallowBytes: 14_400, retainedBytes: 30_000 } });
    expect(leak.holders[0]).toMatchObject({ className: '__main__.Session', side: 'new', objects: 300, groups: [{ objects: 300 }] });
    expect(leak.totals.new.objects).toBe(600);
    expect(leak.warning).toBeNull();
  });

  it('says so when nothing grew', async () => {
    const quiet = await reportOf({ sessions: 0 });
    expect(quiet.headline).toMatchObject({ className: null, text: expect.stringContaining('Nothing grew') as string });
    expect(quiet.holders).toEqual([]);
  });
});

describe('where new objects were allocated', () => {
  const STACKS = { leak: ['leak /app/handlers.py:88', '<module> /app/main.py:3'], warm: ['<b>warm`|</b> /app/=x.py:2'] };
  const head = { by: 'recording', unsureClasses: ['str'] };
  const weighted = { by: 'sampling', samplingInterval: 8_192, unsureClasses: ['str'] };
  const stackOf = (name: string, index: number) => (name === '__main__.Session' ? (index < 290 ? 'leak' : 'warm') : name === 'str' ? 'warm' : null);

  it('is in the headline, the model and every format', async () => {
    const report = await reportOf({ sessions: 300 }, true, { stacks: STACKS, stackOf, allocations: head });
    expect(report.headline).toMatchObject({ allocatedAt: 'handlers.py:88', text: expect.stringContaining('held by `module __main__ → _cache (dict)`; each allocated at `handlers.py:88`.') as string });
    expect(report.allocations.map(({ className, known, sampled, unsure }) => ({ className, known, sampled, unsure }))).toEqual([
      { className: '__main__.Session', known: 300, sampled: false, unsure: false },
      { className: 'str', known: 300, sampled: false, unsure: true },
    ]);
    expect(report.allocations[0]!.sites[0]).toEqual({ site: 'leak (/app/handlers.py:88)', functionName: 'leak', script: '/app/handlers.py', line: 88, objects: 290, shallowBytes: 290 * 48, share: 290 / 300, samples: 290 });
    expect((JSON.parse([...comparisonToJson(report)].join('')) as ComparisonReport).allocations).toEqual(report.allocations);
    const csv = [...comparisonToCsv(report)].map((line) => parseCsvLine(line.slice(0, -2)));
    expect(csv[0]!.slice(-4)).toEqual(['allocatedAt', 'allocatedAtObjects', 'allocatedAtShare', 'allocatedAtSampled']);
    expect(csv.find(([name]) => name === '__main__.Session')!.slice(-4)).toEqual(['leak (/app/handlers.py:88)', '290', '0.9667', 'false']);
    expect(csv.find(([name]) => name === 'str')!.at(-4)).toContain('(unsure)');
    const { text } = comparisonToMarkdown(report);
    expect(text).toContain('| `__main__.Session` | `leak (/app/handlers.py:88)` | 290 | 96.7 % |  |');
    expect(text.replace(/`[^`\n]*`/g, '')).not.toContain('<b>');
    const { document } = new JSDOM(comparisonToHtml(report).html).window;
    expect(document.querySelector('.sites')!.textContent).toContain('290 (96.7 %) leak (/app/handlers.py:88)');
    expect(document.querySelector('.sites b')).toBeNull();
  });

  it('says that it was sampled, and by how many objects', async () => {
    const report = await reportOf({ sessions: 300 }, true, { stacks: STACKS, stackOf: (name, index) => (index % 10 === 0 ? stackOf(name, index) : null), allocations: weighted, weightOf: () => 1_000 });
    expect(report.headline.text).toContain('each allocated at `handlers.py:88` (30 samples)');
    expect(report.allocations[0]).toMatchObject({ sampled: true, known: 30, sites: [{ objects: 290, samples: 29 }, { objects: 10, samples: 1 }] });
    expect(comparisonToMarkdown(report).text).toContain('≈ 290');
    expect(comparisonToHtml(report).html).toContain('estimated from 30 sampled objects');
  });

  it('is not claimed for a class whose blocks are handed on, nor without stacks', async () => {
    const report = await reportOf({ sessions: 300 }, true, { stacks: STACKS, stackOf, allocations: { ...head, unsureClasses: ['__main__.Session'] } });
    expect(report.headline).toMatchObject({ allocatedAt: null });
    expect(report.headline.text).not.toContain('allocated at');
    const missing = await reportOf({ sessions: 300 }, true, { stacks: {}, stackOf: () => null, allocations: { by: 'recording', missing: 'a tool was in the way' } });
    expect(missing.cuts.join()).toContain('a tool was in the way');
  });
});

describe('the growth tree', () => {
  it('stands in the model, largest line first, with lines below', () => {
    expect(leak.growth).toHaveLength(1);
    expect(leak.growth[0]).toMatchObject({
      text: 'module __main__ → _cache (dict)', objects: 600, shallowBytes: 30_000, retainedBytes: 30_000, grownBytes: 0, last: { name: 'user-secret-299' },
      lines: [{ text: '[*] (__main__.Session)', objects: 600, lines: [{ text: 'user (str)', objects: 300, lines: [] }] }],
    });
  });

  it('stands in the page as lists that open without a script', () => {
    const { document } = new JSDOM(comparisonToHtml(leak).html).window;
    const first = document.querySelector('ul.growth > li > details')!;
    expect(first.querySelector('summary')!.textContent).toContain('module __main__ → _cache (dict) 600 new');
    expect(first.hasAttribute('open')).toBe(true);
    expect(first.querySelectorAll('li')).toHaveLength(2);
  });

  it('has no values when they are left out', async () => {
    const report = await reportOf({ sessions: 3 }, false);
    expect(JSON.stringify(report.growth)).not.toContain('secret');
  });
});

describe('Markdown', () => {
  it('says what grew, where it hangs and which classes', () => {
    const { text } = comparisonToMarkdown(leak);
    expect(text).toContain('**+300 `__main__.Session` objects, +29.3 KiB retained, held by `module __main__ → _cache (dict)`.**');
    expect(text).toContain('- `module __main__ → _cache (dict)`: 600 new, 29.3 KiB\n  - `[*] (__main__.Session)`: 600 new');
    expect(text).toContain('| `__main__.Session` | 300 | 0 | +300 | +29.3 KiB |');
  });

  it('lets no name become markup', () => {
    const { text } = comparisonToMarkdown(hostile);
    for (const line of text.split('\n').filter((entry) => entry.startsWith('| `'))) {
      expect(line.match(/(?<!\\)\|/g), line).toHaveLength(line.includes('Snapshot') ? 5 : 6);
    }
    const outside = text.replace(/`[^`\n]*`/g, '');
    expect(outside).not.toMatch(/[^\\]<|javascript:|DROP TABLE/);
    expect(text).not.toContain('\u202e');
  });
});

describe('JSON', () => {
  it('is one document with the keys that are promised', () => {
    const text = [...comparisonToJson(hostile)].join('');
    const document = JSON.parse(text) as ComparisonReport;
    expect(document).toMatchObject({ schema: 'heaphouse.compare', version: 1, base: { name: 'Snapshot 1', producer: 'cpython' } });
    expect(document).toEqual(JSON.parse(JSON.stringify(hostile)));
    const row = document.classes.find(({ name }) => name === '__main__.Session')!;
    expect(Object.keys(row)).toEqual(['name', 'kind', 'base', 'compared', 'new', 'dead', 'survived', 'delta']);
    for (const cell of ['base', 'compared', 'new', 'dead', 'survived', 'delta'] as const) {
      expect(Object.keys(row[cell])).toEqual(['objects', 'shallowBytes', 'retainedBytes']);
    }
    const names = new Set(document.classes.map(({ name }) => name));
    for (const name of HOSTILE_NAMES.filter((each) => each.length < 1_000 && !each.includes('\ud800'))) expect(names).toContain(name);
  });
});

describe('CSV', () => {
  it('has a line for each class, all with the same columns, and no formula', () => {
    const lines = [...comparisonToCsv(hostile)];
    expect(lines).toHaveLength(hostile.classes.length + 1);
    expect(lines[0]!.split(',').slice(0, 5)).toEqual(['class', 'kind', 'baseObjects', 'baseShallowBytes', 'baseRetainedBytes']);
    for (const line of lines) {
      expect(line.endsWith('\r\n')).toBe(true);
      expect(line.slice(0, -2)).not.toMatch(/[\r\n\u0000-\u001f\u202e\u200b]/);
      const cells = parseCsvLine(line.slice(0, -2));
      expect(cells).toHaveLength(26);
      for (const cell of [cells[0]!, cells[1]!, cells[20]!]) expect(cell).not.toMatch(/^\s*[=+\-@]/);
    }
  });
});

function parseCsvLine(line: string): string[] {
  return [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^",]*))/g)].map((match) => match[1]?.replaceAll('""', '"') ?? match[2] ?? '');
}

describe('HTML', () => {
  const page = (report: ComparisonReport) => {
    const { html, cuts } = comparisonToHtml(report);
    return { html, cuts, document: new JSDOM(html).window.document };
  };

  it('says in its first sentence what grew and what holds it', () => {
    const { document } = page(leak);
    const headline = document.querySelector('.headline')!;
    expect(headline.textContent).toBe(leak.headline.text.replaceAll('`', ''));
    expect([...headline.querySelectorAll('code')].map((code) => code.textContent)).toEqual(['__main__.Session', 'module __main__ → _cache (dict)']);
  });

  it('loads nothing and allows nothing but its own style and script', () => {
    const { html, document } = page(hostile);
    const policy = document.querySelector('meta[http-equiv="Content-Security-Policy"]')!.getAttribute('content')!;
    expect(policy).toMatch(/^default-src 'none'; style-src 'sha256-[\w+/=]+'; script-src 'sha256-[\w+/=]+'; base-uri 'none'; form-action 'none'$/);
    expect(document.querySelectorAll('script')).toHaveLength(1);
    expect(document.querySelectorAll('img, link, iframe, object, embed, form, base, a, [style], [src], [href]')).toHaveLength(0);
    expect([...document.querySelectorAll('*')].flatMap((node) => [...node.attributes]).filter(({ name }) => name.startsWith('on'))).toEqual([]);
    expect(html).not.toMatch(/[\u202a-\u202e\u2066-\u2069\u200b\u0000-\u0008\u001b]/);
    expect(Buffer.from(html).toString()).toBe(html);
  });

  it('shows every hostile name as text', () => {
    const { document } = page(hostile);
    const names = [...document.querySelectorAll('#classes tbody td:first-child')].map((cell) => cell.textContent);
    expect(names).toHaveLength(hostile.classes.length);
    expect(names).toContain('<script>alert(1)</script>');
    expect(names).toContain('abc\\u{202e}gnp.exe');
    expect(names).toContain('␛[31mred␛[0m');
  });

  it('sorts and filters by its own script', () => {
    const { html } = comparisonToHtml(hostile);
    const { window } = new JSDOM(html, { runScripts: 'dangerously' });
    const { document } = window;
    const names = () => [...document.querySelectorAll<HTMLTableRowElement>('#classes tbody tr')].filter((row) => !row.hidden).map((row) => row.cells[0]!.textContent!);
    const original = names();
    const heads = [...document.querySelectorAll<HTMLButtonElement>('#classes th button')];
    expect(heads).toHaveLength(19);
    heads[2]!.click();
    expect(names()[0]).toBe('settled.Thing');
    expect(document.querySelectorAll('#classes th')[2]!.getAttribute('aria-sort')).toBe('descending');
    heads[0]!.click();
    expect(names()).toEqual([...original].sort());
    heads[0]!.click();
    heads[0]!.click();
    expect(names()).toEqual(original);
    const filter = document.querySelector<HTMLInputElement>('#filter')!;
    filter.value = 'SESSION';
    filter.dispatchEvent(new window.Event('input'));
    expect(names()).toEqual(['__main__.Session']);
    expect(document.querySelector('#shown')!.textContent).toBe(`1 of ${original.length} classes`);
  });

  it('stays under 5 MB and says what it cut', () => {
    const [first] = leak.classes;
    const many = Array.from({ length: 50_000 }, (_, index) => ({ ...first!, name: `${'漢'.repeat(900)}${index}` }));
    const { html, cuts } = comparisonToHtml({ ...leak, classes: many });
    expect(Buffer.byteLength(html)).toBeLessThan(5_000_000);
    expect(cuts.join()).toMatch(/The table shows the [\d,]+ classes that grew most, of 50,000/);
    expect(html).toContain('of 50,000; JSON and CSV have all of them.');
  });
});

describe('without values', () => {
  it('no text of a string is in any format', async () => {
    const report = await reportOf({ sessions: 300 }, false);
    const everything = [...comparisonToJson(report), ...comparisonToCsv(report), comparisonToHtml(report).html].join('');
    expect(everything).not.toContain('user-secret');
    expect(report.cuts.join()).toContain('Values');
    const withValues = [...comparisonToJson(leak)].join('');
    expect(withValues).toContain('user-secret');
  });
});

it('JSON writes what steers direction or hides as escapes, with the same value', () => {
  const value = { a: 'x\u202ey\u2066z\u2028\u200b\u{e0041}\u0085', 'k\u202e': ['<b>', 'é', '\u{1f4a3}'] };
  const text = jsonText(value);
  expect(text).not.toMatch(/[\p{Cf}\u007f-\u009f\u2028]/u);
  expect(text).toContain('é');
  expect(JSON.parse(text)).toEqual(value);
});
