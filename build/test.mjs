// `npm test`: installs what is missing, then type check, lint, build and every kind of test. With arguments it only runs
// Vitest with them: `npm test -- unit` (a kind), `npm test -- test/unit/heap`.
import { spawn } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ensureBuilt, ensureInstalled, findNode, root } from './runtime.mjs';
import { ensureTestParts } from './test-parts.mjs';

const log = (line) => process.stdout.write(`${line}\n`);
const KINDS = ['unit', 'component', 'contract', 'integration', 'packaging', 'e2e'];
const RESULTS = join(root, 'test-results', 'results.json');

const run = (script, args, output = 'inherit') =>
  new Promise((resolve) => {
    const child = spawn(findNode(), ['--disable-warning=ExperimentalWarning', join(root, script), ...args], { cwd: root, stdio: ['ignore', output, output] });
    let text = '';
    child.stdout?.on('data', (chunk) => (text += chunk));
    child.stderr?.on('data', (chunk) => (text += chunk));
    child.on('close', (code, signal) => {
      process.stdout.write(text);
      resolve(signal ? 1 : code);
    });
  });

async function main(args) {
  ensureInstalled(log);
  ensureTestParts(log);
  const wholeSuite = args.length === 0;
  const failures = [];
  if (wholeSuite) {
    // Side by side: each uses one core. What the lint says is shown in one piece.
    log('\n== type check and lint');
    const [types, lint] = await Promise.all([run('build/typecheck.mjs', []), run('node_modules/eslint/bin/eslint.js', ['.', '--max-warnings', '0'], 'pipe')]);
    if (types !== 0) failures.push('type check');
    if (lint !== 0) failures.push('lint');
  }
  log('\n== build');
  ensureBuilt(log);

  log('\n== tests');
  rmSync(RESULTS, { force: true });
  const filters = args.flatMap((arg) => (KINDS.includes(arg) ? ['--project', arg] : [arg]));
  const code = await run('node_modules/vitest/vitest.mjs', ['run', '--reporter=default', '--reporter=json', `--outputFile=${RESULTS}`, ...filters]);
  if (code !== 0) failures.push('tests');
  summary();
  if (failures.length > 0) {
    log(`Failed: ${failures.join(', ')}.`);
    process.exitCode = 1;
  }
}

/** The closing line in plain words, whatever the reporter prints: `412 passed, 0 failed, 3 skipped`. */
function summary() {
  try {
    const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, testResults } = JSON.parse(readFileSync(RESULTS, 'utf8'));
    for (const file of testResults) {
      for (const test of file.assertionResults) {
        if (test.status === 'pending' || test.status === 'skipped') log(`skipped: ${test.fullName}`);
      }
    }
    // A file that could not be loaded has no tests to count; it is a failure all the same.
    const brokenFiles = testResults.filter((file) => file.status === 'failed' && file.assertionResults.length === 0).length;
    log(`${numPassedTests} passed, ${numFailedTests + brokenFiles} failed, ${numPendingTests + numTodoTests} skipped`);
  } catch (error) {
    log(`No test results: ${error.message}`);
    process.exitCode = 1;
  }
}

await main(process.argv.slice(2));
