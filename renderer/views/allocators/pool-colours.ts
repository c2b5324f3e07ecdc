/** Colours of the map, packed for an ImageData: a hue for each size class, from small (blue) to large (red). */

/** Steps of occupancy that a class has a colour for. */
export const LEVELS = 16;

/** Up to this share of its blocks a pool is shown as almost empty. */
const ALMOST_EMPTY = 0.1;

export type Rgb = readonly [number, number, number];

export interface PoolPalette {
  background: number;
  notRead: number;
  virgin: number;
  free: number;
  /** Behind the filled part of a pool, by class. */
  empty: Uint32Array;
  /** The filled part, by class. */
  filled: Uint32Array;
  /** Whole small cells: `class * (LEVELS + 1) + level`. */
  blended: Uint32Array;
  /** Everything that is not of the chosen class. */
  faded: number;
  /** The shade tells how full a pool is, at every size of the cells. */
  byOccupancy: boolean;
}

export interface BaseColours {
  background: Rgb;
  notRead: Rgb;
  virgin: Rgb;
  free: Rgb;
}

export function createPalette(base: BaseColours, classes: number, dark: boolean, colourBy: 'class' | 'occupancy', ends: { low: Rgb; high: Rgb }): PoolPalette {
  const filled = new Uint32Array(classes);
  const empty = new Uint32Array(classes);
  const blended = new Uint32Array(classes * (LEVELS + 1));
  for (let sizeClass = 0; sizeClass < classes; sizeClass++) {
    const full = colourBy === 'class' ? classColour(sizeClass, classes, dark) : ends.high;
    filled[sizeClass] = pack(full);
    empty[sizeClass] = pack(mix(base.background, full, 0.24));
    for (let level = 0; level <= LEVELS; level++) {
      const share = level / LEVELS;
      blended[sizeClass * (LEVELS + 1) + level] = pack(colourBy === 'occupancy' && share <= ALMOST_EMPTY ? ends.low : mix(base.background, full, 0.24 + 0.76 * share));
    }
  }
  return { background: pack(base.background), notRead: pack(base.notRead), virgin: pack(base.virgin), free: pack(base.free), faded: pack(mix(base.background, base.virgin, 0.7)), empty, filled, blended, byOccupancy: colourBy === 'occupancy' };
}

/** Equal steps of hue at equal lightness, so that no class looks fuller than another. */
export function classColour(sizeClass: number, classes: number, dark: boolean): Rgb {
  const share = classes > 1 ? sizeClass / (classes - 1) : 0;
  return fromOklch(dark ? 0.74 : 0.6, dark ? 0.125 : 0.15, 265 - 240 * share);
}

export const cssColour = ([red, green, blue]: Rgb): string => `rgb(${red} ${green} ${blue})`;

/** `#rrggbb` or `#rgb`, which a bundler makes of it; grey for anything else. */
export function parseHex(text: string): Rgb {
  const digits = /^#([0-9a-f]{6}|[0-9a-f]{3})$/i.exec(text.trim())?.[1];
  if (digits === undefined) return [136, 136, 136];
  const parts = digits.length === 3 ? [...digits].map((digit) => digit + digit) : [digits.slice(0, 2), digits.slice(2, 4), digits.slice(4)];
  return [parseInt(parts[0], 16), parseInt(parts[1], 16), parseInt(parts[2], 16)];
}

export function mix(from: Rgb, to: Rgb, share: number): Rgb {
  const at = (index: 0 | 1 | 2) => Math.round(from[index] + (to[index] - from[index]) * share);
  return [at(0), at(1), at(2)];
}

const LITTLE_ENDIAN = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;

export function pack([red, green, blue]: Rgb): number {
  return (LITTLE_ENDIAN ? (255 << 24) | (blue << 16) | (green << 8) | red : (red << 24) | (green << 16) | (blue << 8) | 255) >>> 0;
}

/** Björn Ottosson's OKLab (https://bottosson.github.io/posts/oklab/), hue in degrees. */
function fromOklch(lightness: number, chroma: number, hue: number): Rgb {
  const angle = (hue * Math.PI) / 180;
  const a = chroma * Math.cos(angle);
  const b = chroma * Math.sin(angle);
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    channel(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s),
    channel(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s),
    channel(-0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s),
  ];
}

function channel(linear: number): number {
  const value = linear <= 0.0031308 ? 12.92 * linear : 1.055 * linear ** (1 / 2.4) - 0.055;
  return Math.round(Math.max(0, Math.min(1, value)) * 255);
}
