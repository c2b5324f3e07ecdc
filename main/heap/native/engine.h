/*
 * The native loops of the heap engine. Each is a pure loop over typed arrays that the TypeScript side owns, does the work of
 * one slice and returns; the TypeScript function of the same name is the reference and does the same where this is not
 * built. Nothing is allocated here, nothing is kept between calls, no memory is touched that was not passed in.
 *
 * Columns come from files and are checked before they get here. They are checked here once more where a value is used as
 * an index: a wrong one ends the call with an error, never the process.
 */
#ifndef HEAPHOUSE_ENGINE_H
#define HEAPHOUSE_ENGINE_H

#include <stddef.h>
#include <stdint.h>

/* One argument: an array with its length in elements, or a number. `wide`: a column of doubles instead of 32 bits. */
typedef struct {
  void *data;
  size_t length;
  int wide;
  double number;
} Argument;

typedef double (*Loop)(const Argument *args, const char **error);

/*
 * Formats: b Uint8Array, w Uint32Array, f Float64Array, c either of the last two, n a number.
 * A capital letter may be null: length 0.
 */
typedef struct {
  const char *name;
  const char *format;
  Loop loop;
} Entry;

extern const Entry READING[], GRAPH[], SEARCH[], TREE[], DISTANCES[], CLASSES[], COMPARISON[], TEXT[];

#define MAX_ARGUMENTS 24
#define NONE 0xffffffffu
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#define PREFETCH(address) __builtin_prefetch((address), 0, 3)
#define PREFETCH_WRITE(address) __builtin_prefetch((address), 1, 3)

/* Ends a loop because its arguments do not fit together. */
#define FAIL(what) do { *error = (what); return 0; } while (0)

/* Bits of edgeKind, as in heap.ts. */
#define EDGE_KIND 31
#define EDGE_ESSENTIAL 128
#define EDGE_EPHEMERON 64
#define RETAINER_WEAK 0x80000000u

static inline double number_at(const Argument *column, size_t i) {
  return column->wide ? ((const double *)column->data)[i] : (double)((const uint32_t *)column->data)[i];
}

/* A number as an index of at most `limit`, or `limit` + 1 when it is none. */
static inline size_t index_of(const Argument *argument, size_t limit) {
  double n = argument->number;
  return n >= 0 && n <= (double)limit ? (size_t)n : limit + 1;
}

static inline int bit_at(const uint32_t *bits, size_t i) { return (bits[i >> 5] >> (i & 31)) & 1; }
static inline void set_bit(uint32_t *bits, size_t i) { bits[i >> 5] |= 1u << (i & 31); }

#endif
