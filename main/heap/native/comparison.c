/* Two heaps side by side; compare.ts and identity.ts have the rules. */
#include "engine.h"

#define AHEAD 24

/* nodeId table from to: table[id] = node + 1. */
static double index_ids(const Argument *a, const char **error) {
  uint32_t *table = a[1].data;
  const size_t nodes = a[0].length, room = a[1].length;
  const size_t from = index_of(&a[2], nodes), to = index_of(&a[3], nodes);
  if (from > to || to > nodes) FAIL("index_ids: range");
  for (size_t node = from; node < to; node++) {
    const double id = number_at(&a[0], node);
    if (UNLIKELY(!(id >= 0 && id < (double)room))) FAIL("index_ids: id");
    table[(size_t)id] = (uint32_t)node + 1;
  }
  return 0;
}

/*
 * nodeId table baseClass comparedClass baseNumber comparedNumber baseOf survivesFromBase survivesInCompared
 * state[common sameClass] from to → 0. Nodes of the compared heap whose id is in the table of the base.
 */
static double match_ids(const Argument *a, const char **error) {
  const uint32_t *table = a[1].data, *base_class = a[2].data, *class_of = a[3].data, *base_number = a[4].data, *number = a[5].data;
  uint32_t *base_of = a[6].data;
  uint8_t *from_base = a[7].data, *in_compared = a[8].data;
  double *state = a[9].data;
  const size_t nodes = a[0].length, room = a[1].length, base_nodes = a[2].length;
  const size_t from = index_of(&a[10], nodes), to = index_of(&a[11], nodes);
  if (from > to || to > nodes || a[3].length < nodes || a[6].length < nodes || a[7].length < base_nodes || a[8].length < nodes || a[9].length < 2) FAIL("match_ids: lengths");
  for (size_t node = from; node < to; node++) {
    if (node + 2 * AHEAD < to) {
      const double far = number_at(&a[0], node + 2 * AHEAD), near = number_at(&a[0], node + AHEAD);
      if (far < (double)room) PREFETCH(&table[(size_t)far]);
      if (near < (double)room && table[(size_t)near] - 1 < base_nodes) {
        PREFETCH(&base_class[table[(size_t)near] - 1]);
        PREFETCH_WRITE(&from_base[table[(size_t)near] - 1]);
      }
    }
    const double id = number_at(&a[0], node);
    if (!(id >= 0 && id < (double)room) || table[(size_t)id] == 0) continue;
    const uint32_t other = table[(size_t)id] - 1;
    if (UNLIKELY(other >= base_nodes || base_class[other] >= a[4].length || class_of[node] >= a[5].length)) FAIL("match_ids: index");
    state[0]++;
    if (base_number[base_class[other]] == number[class_of[node]]) state[1]++;
    base_of[node] = other;
    in_compared[node] = 1;
    from_base[other] = 1;
  }
  return 0;
}

const Entry COMPARISON[] = {
  {"indexIds", "cwnn", index_ids},
  {"matchIds", "cwwwwwwbbfnn", match_ids},
  {0},
};
