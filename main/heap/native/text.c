/* Text in the strings of a snapshot. */
#include <string.h>

#include "engine.h"

#ifdef __linux__
#include <sys/mman.h>
#endif

/* array. A wish that the system may ignore. */
static double large_pages(const Argument *a, const char **error) {
  (void)error;
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  const uintptr_t page = 4096, begin = ((uintptr_t)a[0].data + page - 1) & ~(page - 1);
  const uintptr_t end = ((uintptr_t)a[0].data + a[0].length) & ~(page - 1);
  if (end > begin) (void)madvise((void *)begin, end - begin, MADV_HUGEPAGE);
#else
  (void)a;
#endif
  return 0;
}

/* The layout of the calls: native.ts uses no library of another one. */
static double layout(const Argument *a, const char **error) {
  (void)a;
  (void)error;
  return 1;
}

static inline int hex_of(uint8_t byte) {
  if (byte >= '0' && byte <= '9') return byte - '0';
  byte |= 0x20;
  return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/*
 * page pageStart starts wanted from to maxChars out ends → bytes written. The texts of the wanted strings, unescaped, one
 * behind the other as Latin-1; `ends` by string less `from`: where each ends in `out`. A string that is not wanted, that has
 * other characters, is longer than maxChars, runs over the page's end or for which there is no room has no text: its
 * end is that of the one before. Where all is well an empty text has that too, which is why `ends` marks texts with the
 * top bit.
 */
static double decode_strings(const Argument *a, const char **error) {
  const uint8_t *page = a[0].data, *wanted = a[3].data;
  const size_t length = a[0].length, count = a[2].length;
  const double page_start = a[1].number;
  const size_t from = index_of(&a[4], count), to = index_of(&a[5], count);
  const size_t most = index_of(&a[6], 1 << 20);
  uint8_t *out = a[7].data;
  uint32_t *ends = a[8].data;
  const size_t room = a[7].length < 0x7fffffff ? a[7].length : 0x7fffffff;
  if (from > to || to > count || a[3].length < to || a[8].length < to - from || most > 1 << 20) FAIL("decode_strings: lengths");
  size_t written = 0;
  for (size_t index = from; index < to; index++) {
    const double offset = number_at(&a[2], index) - page_start;
    ends[index - from] = (uint32_t)written;
    if (!wanted[index] || !(offset >= 0 && offset < (double)length) || written + most > room) continue;
    const uint8_t *p = page + (size_t)offset;
    const uint8_t *const end = page + length;
    uint8_t *q = out + written;
    uint8_t *const full = q + most;
    int whole = 0;
    while (p < end && q <= full) {
      uint8_t byte = *p++;
      if (byte == '"') {
        whole = 1;
        break;
      }
      if (q == full) break;
      if (byte == '\\') {
        if (p == end) break;
        const uint8_t escape = *p++;
        switch (escape) {
          case '"': case '\\': case '/': byte = escape; break;
          case 'b': byte = '\b'; break;
          case 'f': byte = '\f'; break;
          case 'n': byte = '\n'; break;
          case 'r': byte = '\r'; break;
          case 't': byte = '\t'; break;
          case 'u': {
            if (end - p < 4 || p[0] != '0' || p[1] != '0') goto next;
            const int high = hex_of(p[2]), low = hex_of(p[3]);
            if (high < 0 || low < 0) goto next;
            byte = (uint8_t)(high << 4 | low);
            p += 4;
            break;
          }
          default: goto next;
        }
      } else if (byte >= 0x80) {
        if ((byte != 0xc2 && byte != 0xc3) || p == end || (*p & 0xc0) != 0x80) goto next;
        byte = (uint8_t)((byte & 3) << 6 | (*p++ & 0x3f));
      }
      *q++ = byte;
    }
    if (!whole) goto next;
    written = (size_t)(q - out);
    ends[index - from] = (uint32_t)written | 0x80000000u;
  next:;
  }
  return (double)written;
}

static inline uint8_t small_of(uint8_t byte) { return byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte; }

#define ONES 0x0101010101010101ull
#define HIGHS 0x8080808080808080ull

/* The next place in `from … to` where a byte stands in either case; `to` when there is none. */
static const uint8_t *next_of(const uint8_t *from, const uint8_t *to, uint8_t small) {
  const uint8_t large = small >= 'a' && small <= 'z' ? small & ~0x20 : small;
  const uint64_t one = small * ONES, other = large * ONES;
  while (to - from >= 8) {
    uint64_t x;
    memcpy(&x, from, 8);
    const uint64_t a = x ^ one, b = x ^ other;
    const uint64_t found = ((a - ONES) & ~a & HIGHS) | ((b - ONES) & ~b & HIGHS);
    if (found) return from + (__builtin_ctzll(found) >> 3);
    from += 8;
  }
  while (from < to && *from != small && *from != large) from++;
  return from;
}

/*
 * page end pageStart starts first limit needle found mostBytes → 0. Marks the strings first … limit of a page whose text
 * holds the needle (small letters, any case). See markMatches in filter.ts.
 */
static double mark_matches(const Argument *a, const char **error) {
  const uint8_t *page = a[0].data, *needle = a[6].data;
  const size_t end = index_of(&a[1], a[0].length), count = a[3].length, length = a[6].length;
  const double page_start = a[2].number, most = a[8].number;
  const size_t first = index_of(&a[4], count), limit = index_of(&a[5], count);
  uint8_t *found = a[7].data;
  if (end > a[0].length || first > count || limit > count || a[7].length < limit || length == 0) FAIL("mark_matches: lengths");
  if (first >= limit || end < length) return 0;
  const uint8_t *const stop = page + end - length + 1;
  size_t index = first;
  double start = number_at(&a[3], index) - page_start;
  if (!(start >= 0 && start <= (double)end)) FAIL("mark_matches: first");
  for (const uint8_t *p = page + (size_t)start; p < stop;) {
    p = next_of(p, stop, needle[0]);
    if (p >= stop) break;
    size_t i = 1;
    while (i < length && small_of(p[i]) == needle[i]) i++;
    if (i < length) {
      p++;
      continue;
    }
    const double at = (double)(p - page);
    while (index + 1 < count && number_at(&a[3], index + 1) - page_start <= at) index++;
    if (index >= limit) break;
    start = number_at(&a[3], index) - page_start;
    const double next = index + 1 < count ? number_at(&a[3], index + 1) - page_start : (double)end;
    if (!(start >= 0 && start <= at && next <= (double)end)) FAIL("mark_matches: starts");
    /* Back from the next string over its quote, white space and the comma to the quote that ends this one. */
    const uint8_t *last = page + (size_t)next - 1;
    do last--;
    while (last > p && *last != '"');
    if (p < last && at - start <= most) found[index] = 1;
    p = p < last ? last : p + 1;
  }
  return 0;
}

/* nodeName marked found from to → how many. Nodes whose name is marked, in order. */
static double named_nodes(const Argument *a, const char **error) {
  const uint32_t *name = a[0].data;
  const uint8_t *marked = a[1].data;
  uint32_t *found = a[2].data;
  const size_t nodes = a[0].length, from = index_of(&a[3], nodes), to = index_of(&a[4], nodes);
  if (from > to || to > nodes || a[2].length < to - from) FAIL("named_nodes: lengths");
  size_t at = 0;
  for (size_t node = from; node < to; node++) {
    if (UNLIKELY(name[node] >= a[1].length)) FAIL("named_nodes: name");
    found[at] = (uint32_t)node; /* overwritten by the next one unless it counts */
    at += marked[name[node]] & 1;
  }
  return (double)at;
}

const Entry TEXT[] = {
  {"decodeStrings", "bncbnnnbw", decode_strings},
  {"markMatches", "bnncnnbbn", mark_matches},
  {"namedNodes", "wbwnn", named_nodes},
  {"layout", "", layout},
  {"largePages", "b", large_pages},
  {0},
};
