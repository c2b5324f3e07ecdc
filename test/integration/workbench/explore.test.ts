/** What exploring says about real programs with known truth: the leaky ones and the clean ones, Python and Node.js. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { exploreContract } from '#shared/contracts/explore.ts';
import { createHarness, type Harness } from './harness.ts';

let h: Harness;
beforeEach(() => {
  h = createHarness();
});
afterEach(() => h.dispose());

const query = { start: 0, end: 20 };
const KINDS = [
  { kind: 'python', command: 'python3', leaky: 'test/samples/leaky.py', clean: 'test/samples/clean.py', holder: '_cache (dict)', className: '__main__.Session', module: '__main__' },
  { kind: 'node', command: 'node', leaky: 'test/samples/leaky.js', clean: 'test/samples/clean.js', holder: 'cache (Map)', className: 'Session', module: 'leaky.js' },
] as const;

describe.each(KINDS)('a leak on $kind', ({ command, leaky, holder, className, module }) => {
  it('is the first line of the growth tree, the first survivor that grew, the first finding; and it stays', async () => {
    const { sessionId } = await h.targets.launch({ command, args: [leaky, '--trigger', join(h.dir, 'leak'), '--churn'], env: {} });
    await h.waitForOutput(sessionId, 'phase ready begin');
    const base = await h.sessions.takeSnapshot({ sessionId });
    writeFileSync(join(h.dir, 'leak'), '');
    await h.waitForOutput(sessionId, 'phase leak end');
    const compared = await h.sessions.takeSnapshot({ sessionId });
    const third = await h.sessions.takeSnapshot({ sessionId });
    const explore = h.workbench.client.service(exploreContract, sessionId);
    const pair = { baseId: base.id, comparedId: compared.id };

    const { rows: [line] } = await explore.growthLines({ ...pair, lineId: null, query });
    expect(line!.text).toMatch(new RegExp(`→ ${holder.replace(/[()]/g, '\\$&')}$`));
    expect(line).toMatchObject({ holderSurvived: true });
    expect(line!.objects).toBeGreaterThanOrEqual(30_000);
    const { rows: [sessions] } = await explore.growthLines({ ...pair, lineId: line!.lineId, query });
    expect(sessions).toMatchObject({ edge: '[*]', node: className });
    const behind = await explore.groups({ snapshotId: compared.id, set: { by: 'growth', ...pair, lineId: line!.lineId }, grouping: 'class', query: { ...query, filter: className } });
    expect(behind.rows[0]).toMatchObject({ name: className, objects: 10_000 });

    const grown = await explore.grownSurvivors({ ...pair, query });
    expect(grown.rows[0]!.node.ordinal).toBe(line!.holder.ordinal);
    expect(grown.rows[0]!.newBytes).toBeGreaterThan(10_000 * 1_024);

    const { findings } = await explore.findings({ snapshotId: compared.id, baseId: base.id });
    expect(findings[0]).toMatchObject({ detector: 'leak-suspects', confidence: 'high' });
    expect(findings[0]!.title).toContain(holder);
    const listed = await explore.totals({ snapshotId: compared.id, set: { by: 'finding', findingId: findings[0]!.id, baseId: base.id } });
    expect(listed.objects).toBe(10_000);

    const trio = { firstId: base.id, secondId: compared.id, thirdId: third.id };
    const stayed = await explore.trioClasses({ ...trio, query: { ...query, filter: className } });
    expect(stayed.rows[0]).toMatchObject({ name: className, objects: 10_000, goneObjects: 0 });

    const modules = await explore.groups({ snapshotId: compared.id, set: { by: 'all' }, grouping: 'module', query: { ...query, filter: module } });
    expect(modules.rows[0]!.objects).toBeGreaterThanOrEqual(10_000);
    const map = await explore.treemap({ snapshotId: compared.id, ordinal: null });
    expect(map.cells.length).toBeGreaterThan(50);
    expect(map.cells.length).toBeLessThanOrEqual(1_500);
    const statistics = await explore.statistics({ snapshotId: compared.id });
    expect(statistics.rows.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(statistics.totalBytes);
    const { expression } = await explore.expression({ snapshotId: compared.id, ordinal: line!.holder.ordinal });
    expect(expression).toMatch(/cache$/);
  });
});

describe.each(KINDS)('a clean program on $kind', ({ command, clean }) => {
  it('yields no finding, in one snapshot or in two', async () => {
    const { sessionId } = await h.targets.launch({ command, args: [clean, '--hold-after', '60'], env: {} });
    await h.waitForOutput(sessionId, 'phase ready begin');
    const base = await h.sessions.takeSnapshot({ sessionId });
    await sleep(1_500);
    const compared = await h.sessions.takeSnapshot({ sessionId });
    const explore = h.workbench.client.service(exploreContract, sessionId);
    for (const baseId of [null, base.id]) {
      const { findings, detectors } = await explore.findings({ snapshotId: compared.id, baseId });
      expect(findings.map(({ title, saw }) => `${title}: ${saw}`)).toEqual([]);
      expect(detectors.filter(({ skipped }) => skipped?.startsWith('It failed'))).toEqual([]);
    }
  });
});
