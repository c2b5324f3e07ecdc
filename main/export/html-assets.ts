/** Style and script of the HTML report, both inline and allowed by their hash alone. Nothing is loaded from anywhere. */
import { createHash } from 'node:crypto';

export const REPORT_STYLE = `
:root{color-scheme:light dark;--bg:#fff;--fg:#1b1f24;--muted:#57606a;--line:#d0d7de;--soft:#f3f5f7;--accent:#0b5cad;--grow:#a3280c;--shrink:#1a6b33;--bar:#cfe2f7}
@media (prefers-color-scheme:dark){:root{--bg:#14171b;--fg:#e3e8ee;--muted:#9aa6b2;--line:#323a43;--soft:#1d2228;--accent:#79b8ff;--grow:#ff9b80;--shrink:#7ddc97;--bar:#24405e}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:1280px;padding:24px 20px 64px;background:var(--bg);color:var(--fg);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
h1{font-size:16px;margin:0;color:var(--muted);font-weight:600}
h2{font-size:19px;margin:36px 0 10px}
h3{font-size:15px;margin:0;overflow-wrap:anywhere}
.headline{font-size:26px;line-height:1.35;margin:8px 0 20px;overflow-wrap:anywhere;font-weight:600}
code{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:.92em;background:var(--soft);border-radius:4px;padding:0 4px;overflow-wrap:anywhere}
.headline code{color:var(--accent)}
.note{color:var(--muted);margin:6px 0;max-width:90ch}
.warning{border-left:4px solid var(--grow);padding:6px 12px;background:var(--soft);max-width:90ch}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
caption{text-align:left;color:var(--muted);padding:4px 0}
th,td{padding:4px 8px;border-bottom:1px solid var(--line);text-align:right;white-space:nowrap;vertical-align:top}
th:first-child,td:first-child{text-align:left;white-space:normal;overflow-wrap:anywhere;min-width:16em}
thead th{position:sticky;top:0;background:var(--bg);font-weight:600}
tbody tr:hover{background:var(--soft)}
.up{color:var(--grow)}.down{color:var(--shrink)}.zero{color:var(--muted)}
th button{font:inherit;font-weight:600;color:inherit;background:none;border:0;padding:0;cursor:pointer}
th button:hover,th button:focus-visible{text-decoration:underline}
th[aria-sort=ascending] button::after{content:" \\2191"}
th[aria-sort=descending] button::after{content:" \\2193"}
.tools{display:flex;flex-wrap:wrap;gap:8px 20px;align-items:center;margin:8px 0}
.tools input[type=search]{font:inherit;padding:5px 8px;border:1px solid var(--line);border-radius:6px;background:var(--bg);color:var(--fg);min-width:22em;max-width:100%}
.tools label{cursor:pointer}
.holder{border:1px solid var(--line);border-radius:8px;padding:12px 14px;margin:10px 0;break-inside:avoid}
.holder p{margin:2px 0 8px}
.path{margin:0;padding:0;list-style:none;display:flex;flex-wrap:wrap;gap:2px 6px}
.path li:not(:last-child)::after{content:" \\2192";color:var(--muted)}
.path .edge{color:var(--muted)}
details summary{cursor:pointer}
.sites{margin:0;padding:0;list-style:none}.sites li{margin:2px 0;overflow-wrap:anywhere}
.growth{margin:2px 0;padding-left:20px;list-style:none}.growth li{margin:2px 0;overflow-wrap:anywhere}
.bar{display:block;width:160px;height:6px;margin-top:4px}
.bar rect{fill:var(--bar)}.bar rect+rect{fill:var(--accent)}
#m-overview:checked~.scroll :is(th,td):is(:nth-child(n+8):nth-child(-n+12),:nth-child(n+14):nth-child(-n+18)){display:none}
#m-objects:checked~.scroll :is(th,td):nth-child(n+8){display:none}
#m-shallow:checked~.scroll :is(th,td):is(:nth-child(n+2):nth-child(-n+7),:nth-child(n+14)){display:none}
#m-retained:checked~.scroll :is(th,td):nth-child(n+2):nth-child(-n+13){display:none}
.measure{margin:0 4px 0 14px}.measure:first-of-type{margin-left:0}
[hidden]{display:none!important}
.script-only{display:none}.with-script .script-only{display:flex}
@page{margin:14mm 12mm 16mm}
@media print{body{max-width:none;padding:0;font-size:11px}.headline{font-size:18px}.tools,.measure,.measure+label{display:none!important}thead th{position:static}thead{display:table-header-group}tr{break-inside:avoid}details::details-content{content-visibility:visible;block-size:auto}}
`.trim();

export const REPORT_SCRIPT = `
'use strict';
(() => {
  document.documentElement.classList.add('with-script');
  const table = document.getElementById('classes');
  const body = table.tBodies[0];
  const original = Array.from(body.rows);
  const heads = Array.from(table.tHead.rows[0].cells);
  const key = (row, column) => column === 0 ? row.cells[0].textContent : Number(row.cells[column].dataset.v);
  heads.forEach((head, column) => {
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener('click', () => {
      const was = head.getAttribute('aria-sort');
      const first = column === 0 ? 'ascending' : 'descending';
      const order = was === null ? first : was === first ? (first === 'ascending' ? 'descending' : 'ascending') : null;
      heads.forEach((other) => other.removeAttribute('aria-sort'));
      let rows = original;
      if (order !== null) {
        head.setAttribute('aria-sort', order);
        const sign = order === 'ascending' ? 1 : -1;
        const keyed = original.map((row) => [key(row, column), row]);
        keyed.sort((a, b) => a[0] < b[0] ? -sign : a[0] > b[0] ? sign : 0);
        rows = keyed.map((pair) => pair[1]);
      }
      body.append(...rows);
    });
  });
  const filter = document.getElementById('filter');
  const shown = document.getElementById('shown');
  const apply = () => {
    const wanted = filter.value.toLowerCase();
    let count = 0;
    for (const row of original) {
      row.hidden = !row.cells[0].textContent.toLowerCase().includes(wanted);
      if (!row.hidden) count++;
    }
    shown.textContent = wanted === '' ? '' : count + ' of ' + original.length + ' classes';
  };
  filter.addEventListener('input', apply);
  apply();
})();
`.trim();

const sha256 = (text: string) => `'sha256-${createHash('sha256').update(text, 'utf8').digest('base64')}'`;

/** No network, no forms, no frames, no inline style attributes; this one style and this one script. */
export const REPORT_CSP = [
  "default-src 'none'",
  `style-src ${sha256(REPORT_STYLE)}`,
  `script-src ${sha256(REPORT_SCRIPT)}`,
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');
