// Draws icon.svg in every size the systems want: PNG files for Linux, one .ico for Windows, one .icns for macOS.
// Run it after changing the drawing: `node build/icons/render.mjs`. It needs Chromium, which does the drawing.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const PNG_SIZES = [16, 24, 32, 48, 64, 96, 128, 256, 512, 1024];
const ICO_SIZES = [16, 24, 32, 48, 64, 128, 256];
/** Types of the icns format that hold PNG data, with their size in pixels (`@2x` types are the doubled ones). */
const ICNS_TYPES = [['icp4', 16], ['icp5', 32], ['ic11', 32], ['ic12', 64], ['ic07', 128], ['ic13', 256], ['ic08', 256], ['ic14', 512], ['ic09', 512], ['ic10', 1024]];

/** PNG bytes by size. A page draws the picture on canvases and leaves them in its own text, which --dump-dom prints. */
function renderAll(svg) {
  const page = `<!doctype html><body><script>
    const image = new Image();
    image.onload = () => {
      for (const size of ${JSON.stringify(PNG_SIZES)}) {
        const canvas = document.createElement('canvas');
        canvas.width = canvas.height = size;
        canvas.getContext('2d').drawImage(image, 0, 0, size, size);
        document.body.append('[' + size + ':' + canvas.toDataURL('image/png').split(',')[1] + ']');
      }
    };
    image.src = 'data:image/svg+xml;base64,${Buffer.from(svg).toString('base64')}';
  </script></body>`;
  const dir = mkdtempSync(join(tmpdir(), 'heaphouse-icons-'));
  try {
    const file = join(dir, 'icons.html');
    writeFileSync(file, page);
    const root = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
    const dom = execFileSync(
      process.env.CHROMIUM_PATH ?? 'chromium',
      [...root, '--headless=new', '--disable-gpu', '--virtual-time-budget=10000', `--user-data-dir=${dir}/profile`, '--dump-dom', pathToFileURL(file).href],
      { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024, stdio: ['ignore', 'pipe', 'ignore'] },
    );
    const found = new Map([...dom.matchAll(/\[(\d+):([A-Za-z0-9+/=]+)\]/g)].map(([, size, data]) => [Number(size), Buffer.from(data, 'base64')]));
    for (const size of PNG_SIZES) if (!found.has(size)) throw new Error(`Chromium did not draw ${size} px`);
    return found;
  } finally {
    rmSync(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}

/** Directory of images as Windows reads it: a header, one entry of 16 bytes each, the PNG files. */
function ico(pngs) {
  const header = Buffer.alloc(6 + 16 * ICO_SIZES.length);
  header.writeUInt16LE(1, 2);
  header.writeUInt16LE(ICO_SIZES.length, 4);
  let offset = header.length;
  ICO_SIZES.forEach((size, index) => {
    const at = 6 + 16 * index;
    // 0 stands for 256.
    header.writeUInt8(size % 256, at);
    header.writeUInt8(size % 256, at + 1);
    header.writeUInt16LE(1, at + 4);
    header.writeUInt16LE(32, at + 6);
    header.writeUInt32LE(pngs.get(size).length, at + 8);
    header.writeUInt32LE(offset, at + 12);
    offset += pngs.get(size).length;
  });
  return Buffer.concat([header, ...ICO_SIZES.map((size) => pngs.get(size))]);
}

/** Blocks of type, length (with these 8 bytes) and PNG, after a block that holds them all. Lengths are big-endian. */
function icns(pngs) {
  const block = (type, data) => {
    const head = Buffer.alloc(8);
    head.write(type, 'latin1');
    head.writeUInt32BE(data.length + 8, 4);
    return Buffer.concat([head, data]);
  };
  return block('icns', Buffer.concat(ICNS_TYPES.map(([type, size]) => block(type, pngs.get(size)))));
}

const pngs = renderAll(readFileSync(join(here, 'icon.svg'), 'utf8'));
for (const size of PNG_SIZES) writeFileSync(join(here, `${size}x${size}.png`), pngs.get(size));
writeFileSync(join(here, 'icon.ico'), ico(pngs));
writeFileSync(join(here, 'icon.icns'), icns(pngs));
process.stdout.write(`${PNG_SIZES.length} PNG files, icon.ico, icon.icns\n`);
