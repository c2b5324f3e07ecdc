/*
 * Bytes into columns: records of nodes and edges as V8 writes them, and where strings begin. Whatever is unusual is left
 * to the TypeScript side, which goes on where these stop and knows how to say what is wrong. Digits are taken eight at a
 * time; the byte order is that of every machine Node.js runs on (little endian).
 */
#include <string.h>

#include "engine.h"

#define ONES 0x0101010101010101ull
#define HIGHS 0x8080808080808080ull
#define ZEROS (0x30 * ONES)

static inline uint64_t eight(const uint8_t *p) {
  uint64_t value;
  memcpy(&value, p, 8);
  return value;
}

/* High bits of the bytes that are no digit, of a word of bytes less '0'. Exact in every byte. */
static inline uint64_t no_digits(uint64_t x) { return (((x & ~HIGHS) + 0x76 * ONES) | x) & HIGHS; }

/* The value of eight digits, first one in the lowest byte. */
static inline uint32_t value_of(uint64_t x) {
  x = x * 10 + (x >> 8);
  return (uint32_t)(((x & 0x000000ff000000ffull) * 0x000f424000000064ull +
                     ((x >> 16) & 0x000000ff000000ffull) * 0x0000271000000001ull) >> 32);
}

/*
 * Takes a number at `p`, of which 17 bytes must be readable, into `value`; returns behind it. NULL: no number, or one of
 * more than sixteen digits.
 */
static inline const uint8_t *take(const uint8_t *p, uint64_t *value) {
  uint64_t x = eight(p) ^ ZEROS;
  uint64_t stops = no_digits(x);
  if (LIKELY(stops != 0)) {
    int bits = __builtin_ctzll(stops) - 7; /* eight for each digit */
    if (UNLIKELY(bits == 0)) return NULL;
    *value = value_of(x << (64 - bits));
    return p + (bits >> 3);
  }
  uint64_t result = value_of(x);
  int digits = 8;
  while ((uint8_t)(p[digits] - '0') <= 9) {
    if (digits == 16) return NULL;
    result = result * 10 + (uint8_t)(p[digits] - '0');
    digits++;
  }
  *value = result;
  return p + digits;
}

/* Whole division by the width of a node, by multiplication: exact for multiples below 2^30. */
#define SHIFT 34
static inline uint64_t inverse_of(uint64_t width) { return (1ull << SHIFT) / width + 1; }

#define MAX_EDGE_BYTES 48
#define MAX_POSITION 999999999u

/* bytes pos end stop kind name to state[count maxName maxTo] kinds width named → position. See takeEdges. */
static double take_edges(const Argument *a, const char **error) {
  const uint8_t *bytes = a[0].data;
  const size_t length = a[0].length;
  const size_t pos = index_of(&a[1], length), end = index_of(&a[2], length), stop = index_of(&a[3], SIZE_MAX >> 12);
  uint8_t *kind = a[4].data;
  uint32_t *name = a[5].data, *to = a[6].data, *state = a[7].data;
  const uint32_t kinds = (uint32_t)a[8].number, width = (uint32_t)a[9].number;
  const uint8_t *named = a[10].data;
  const size_t capacity = a[4].length;
  if (pos > length || end > length || a[5].length < capacity || a[6].length < capacity || a[7].length < 3) FAIL("take_edges: lengths");
  if (width < 1 || width > 1000 || kinds > 10 || a[10].length < kinds) FAIL("take_edges: layout");
  if (end < MAX_EDGE_BYTES || stop == 0) return (double)pos;
  const uint8_t *p = bytes + pos;
  const uint8_t *const last = bytes + (end - MAX_EDGE_BYTES < stop - 1 ? end - MAX_EDGE_BYTES : stop - 1);
  const uint64_t inverse = inverse_of(width);
  uint32_t max_name = state[1], max_to = state[2];
  size_t count = state[0];
  while (p <= last && count < capacity) {
    const uint8_t *q = p + (*p == '\n');
    const uint32_t edge_kind = (uint32_t)q[0] - '0';
    if (UNLIKELY(edge_kind >= kinds || q[1] != ',')) break;
    uint64_t edge_name, position;
    q = take(q + 2, &edge_name);
    if (UNLIKELY(!q || edge_name > 0xffffffffu || *q != ',')) break;
    q = take(q + 1, &position);
    if (UNLIKELY(!q || position > MAX_POSITION)) break;
    q += *q == '\n';
    if (UNLIKELY(*q != ',')) break;
    const uint32_t ordinal = (uint32_t)((position * inverse) >> SHIFT);
    if (UNLIKELY((uint64_t)ordinal * width != position)) break;
    p = q + 1;
    kind[count] = (uint8_t)edge_kind;
    name[count] = (uint32_t)edge_name;
    to[count] = ordinal;
    count++;
    const uint32_t text = named[edge_kind] ? (uint32_t)edge_name : 0;
    if (text > max_name) max_name = text;
    if (ordinal > max_to) max_to = ordinal;
  }
  state[0] = (uint32_t)count;
  state[1] = max_name;
  state[2] = max_to;
  return (double)(p - bytes);
}

/* Takes a number that ends before `p` (24 bytes before it are readable); returns its beginning, as `take`. */
static inline const uint8_t *take_back(const uint8_t *p, uint64_t *value) {
  uint64_t x = eight(p - 8) ^ ZEROS;
  uint64_t stops = no_digits(x);
  if (LIKELY(stops != 0)) {
    int bits = __builtin_clzll(stops);
    if (UNLIKELY(bits == 0)) return NULL;
    *value = value_of(x >> (64 - bits) << (64 - bits));
    return p - (bits >> 3);
  }
  uint64_t result = value_of(x), scale = 100000000;
  const uint8_t *q = p - 8;
  while ((uint8_t)(q[-1] - '0') <= 9) {
    if (q == p - 16) return NULL;
    result += scale * (uint8_t)(q[-1] - '0');
    scale *= 10;
    q--;
  }
  *value = result;
  return q;
}

/* bytes floor pos kind name to state kinds width named → end. See takeEdgesBack; stops early near the array's beginning. */
static double take_edges_back(const Argument *a, const char **error) {
  const uint8_t *bytes = a[0].data;
  const size_t length = a[0].length;
  const size_t floor = index_of(&a[1], length), pos = index_of(&a[2], length);
  uint8_t *kind = a[3].data;
  uint32_t *name = a[4].data, *to = a[5].data, *state = a[6].data;
  const uint32_t kinds = (uint32_t)a[7].number, width = (uint32_t)a[8].number;
  const uint8_t *named = a[9].data;
  if (floor > length || pos > length || a[6].length < 3) FAIL("take_edges_back: lengths");
  size_t count = state[0];
  if (count > a[3].length || count > a[4].length || count > a[5].length) FAIL("take_edges_back: count");
  if (width < 1 || width > 1000 || kinds > 10 || a[9].length < kinds) FAIL("take_edges_back: layout");
  const uint64_t inverse = inverse_of(width);
  uint32_t max_name = state[1], max_to = state[2];
  const uint8_t *end = bytes + pos;
  /* Two numbers of sixteen digits, a kind, four separators, and what `take_back` looks at before the second one. */
  while (end > bytes + floor && end - bytes >= 72 && count > 0) {
    uint64_t position, edge_name;
    const uint8_t *p = take_back(end, &position);
    if (UNLIKELY(!p || position > MAX_POSITION || p[-1] != ',')) break;
    p = take_back(p - 1, &edge_name);
    if (UNLIKELY(!p || edge_name > 0xffffffffu || p[-1] != ',')) break;
    const uint32_t edge_kind = (uint32_t)p[-2] - '0';
    if (UNLIKELY(edge_kind >= kinds)) break;
    p -= 3;
    p -= *p == '\n';
    if (UNLIKELY(*p != ',' || p + 1 < bytes + floor)) break;
    const uint32_t ordinal = (uint32_t)((position * inverse) >> SHIFT);
    if (UNLIKELY((uint64_t)ordinal * width != position)) break;
    count--;
    kind[count] = (uint8_t)edge_kind;
    name[count] = (uint32_t)edge_name;
    to[count] = ordinal;
    const uint32_t text = named[edge_kind] ? (uint32_t)edge_name : 0;
    if (text > max_name) max_name = text;
    if (ordinal > max_to) max_to = ordinal;
    end = p[-1] == '\n' ? p - 1 : p;
  }
  state[0] = (uint32_t)count;
  state[1] = max_name;
  state[2] = max_to;
  return (double)(end - bytes);
}

#define MAX_NODE_FIELDS 12
#define NODE_FIELD_BYTES 18

/*
 * bytes pos end state[count] kinds width roles kind name detachedness column… → position. `roles` by field: 0 passed
 * over, 1 kind, 2 name, 3 detachedness, 4 + i column i (which may be wide). Stops before the first record that is not
 * plain, does not fit its columns, or may not be whole.
 */
static double take_nodes(const Argument *a, const char **error) {
  const uint8_t *bytes = a[0].data;
  const size_t length = a[0].length;
  const size_t pos = index_of(&a[1], length), end = index_of(&a[2], length);
  uint32_t *state = a[3].data;
  const uint32_t kinds = (uint32_t)a[4].number, width = (uint32_t)a[5].number;
  const uint8_t *roles = a[6].data;
  uint8_t *kind = a[7].data, *detachedness = a[9].data;
  uint32_t *name = a[8].data;
  const Argument *columns = &a[10];
  enum { COLUMNS = 8 };
  if (pos > length || end > length || a[3].length < 1) FAIL("take_nodes: lengths");
  if (width < 1 || width > MAX_NODE_FIELDS || a[6].length != width) FAIL("take_nodes: layout");
  size_t capacity = a[7].length < a[8].length ? a[7].length : a[8].length;
  for (uint32_t f = 0; f < width; f++) {
    const size_t room = roles[f] == 3 ? a[9].length : roles[f] >= 4 && roles[f] < 4 + COLUMNS ? columns[roles[f] - 4].length : capacity;
    if (roles[f] >= 4 + COLUMNS) FAIL("take_nodes: roles");
    if (room < capacity) capacity = room;
  }
  const size_t record = (size_t)width * NODE_FIELD_BYTES + 4;
  if (end < record) return (double)pos;
  const uint8_t *p = bytes + pos;
  const uint8_t *const last = bytes + end - record;
  size_t count = state[0];
  while (p <= last && count < capacity) {
    const uint8_t *q = p + (*p == '\n');
    uint32_t f = 0;
    for (;;) {
      uint64_t value;
      q = take(q, &value);
      if (UNLIKELY(!q)) goto stopped;
      const uint32_t role = roles[f];
      if (role >= 4) {
        const Argument *column = &columns[role - 4];
        if (column->wide) {
          if (UNLIKELY(value > 9007199254740991ull)) goto stopped;
          ((double *)column->data)[count] = (double)value;
        } else {
          if (UNLIKELY(value > 0xffffffffu)) goto stopped;
          ((uint32_t *)column->data)[count] = (uint32_t)value;
        }
      } else if (role == 2) {
        if (UNLIKELY(value > 0xffffffffu)) goto stopped;
        name[count] = (uint32_t)value;
      } else if (role == 1) {
        if (UNLIKELY(value >= kinds)) goto stopped;
        kind[count] = (uint8_t)value;
      } else if (role == 3) {
        /* Memory is zero at first: pages of a column that says nothing are never taken. */
        if (value != 0) detachedness[count] = value > 3 ? 3 : (uint8_t)value;
      } else if (UNLIKELY(value > 9007199254740991ull)) goto stopped;
      if (++f == width) break;
      if (UNLIKELY(*q != ',')) goto stopped;
      q++;
    }
    q += *q == '\n';
    if (UNLIKELY(*q != ',')) break;
    p = q + 1;
    count++;
  }
stopped:
  state[0] = (uint32_t)count;
  return (double)(p - bytes);
}

/* High bits of the bytes that are zero; right up to the first one. */
static inline uint64_t first_zero(uint64_t x) { return (x - ONES) & ~x & HIGHS; }

/*
 * bytes pos end starts state[state count shift] → position. States as in string-section.ts. Stops where something else
 * than strings, commas and white space stands, at the closing bracket, and where there is no room.
 */
static double scan_strings(const Argument *a, const char **error) {
  enum { BETWEEN_OR_END, NEED_STRING, NEED_COMMA, INSIDE, ESCAPE };
  const uint8_t *bytes = a[0].data;
  const size_t length = a[0].length;
  const size_t pos = index_of(&a[1], length), end = index_of(&a[2], length);
  double *state = a[4].data;
  if (pos > length || end > length || a[4].length < 3) FAIL("scan_strings: lengths");
  uint32_t *narrow = a[3].wide ? NULL : a[3].data;
  double *wide = a[3].wide ? a[3].data : NULL;
  const size_t capacity = a[3].length;
  const double shift = state[2];
  if (!(state[1] >= 0 && state[1] <= (double)capacity)) FAIL("scan_strings: count");
  size_t count = (size_t)state[1];
  int at = (int)state[0];
  size_t p = pos;
  while (p < end) {
    const uint8_t byte = bytes[p];
    if (at == INSIDE) {
      while (p + 8 <= end) {
        const uint64_t x = eight(bytes + p);
        const uint64_t found = first_zero(x ^ (0x22 * ONES)) | first_zero(x ^ (0x5c * ONES));
        if (found) {
          p += (size_t)__builtin_ctzll(found) >> 3;
          break;
        }
        p += 8;
      }
      while (p < end && bytes[p] != 0x22 && bytes[p] != 0x5c) p++;
      if (p == end) break;
      at = bytes[p] == 0x22 ? NEED_COMMA : ESCAPE;
      p++;
    } else if (at == ESCAPE) {
      at = INSIDE;
      p++;
    } else if (at == NEED_COMMA) {
      if (byte == ',') at = NEED_STRING;
      else if (byte != '\n' && byte != ' ' && byte != '\r' && byte != '\t') break;
      p++;
    } else {
      if (byte == 0x22) {
        if (count == capacity) break;
        p++;
        if (narrow) narrow[count++] = (uint32_t)((double)p + shift);
        else wide[count++] = (double)p + shift;
        at = INSIDE;
        continue;
      }
      if (byte != '\n' && byte != ' ' && byte != '\r' && byte != '\t') break;
      p++;
    }
  }
  state[0] = at;
  state[1] = (double)count;
  return (double)p;
}

const Entry READING[] = {
  {"takeEdges", "bnnnbwwwnnb", take_edges},
  {"takeEdgesBack", "bnnbwwwnnb", take_edges_back},
  {"takeNodes", "bnnwnnbbwBCCCCCCCC", take_nodes},
  {"scanStrings", "bnncf", scan_strings},
  {0},
};
