#!/usr/bin/env node
// Spectron starts `require.resolve('electron-chromedriver/chromedriver')` with Node. The real package downloads a
// driver for Electron 17; this one hands over to the driver that matches the browser under test.
const { spawn } = require('node:child_process');
const { realpathSync } = require('node:fs');

const binary = process.env.CHROMEDRIVER_PATH;
if (!binary || realpathSync(binary) === realpathSync(__filename)) {
  // Looked up in PATH, this very file could be found first and would start itself for ever.
  process.stderr.write('CHROMEDRIVER_PATH must name the chromedriver of the browser under test.\n');
  process.exit(1);
}
// --disable-build-check: a distribution may ship the driver a patch release before the browser.
const child = spawn(binary, ['--disable-build-check', ...process.argv.slice(2)], { stdio: 'inherit' });
child.on('error', (error) => {
  process.stderr.write(`cannot start ${binary}: ${error.message}\n`);
  process.exit(1);
});
child.on('exit', (code, signal) => process.exit(signal ? 1 : (code ?? 1)));
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => child.kill(signal));
