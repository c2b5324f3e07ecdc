/** Prints one line on each stream and ends at once with the exit code given (default 3). */
'use strict';
const fs = require('node:fs');
fs.writeSync(1, 'about to end\n');
fs.writeSync(2, 'nothing to do\n');
process.exit(Number(process.argv[2] || 3));
