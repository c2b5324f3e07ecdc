/* Classes of nodes, and totals by class. */
#include "engine.h"

#define AHEAD 24

/* domOrder domSize retained classOf shallow totals coveredTo from to. See retainedByGroup; nodes of no size do not count. */
static double retained_by_class(const Argument *a, const char **error) {
  const uint32_t *order = a[0].data, *size = a[1].data, *class_of = a[3].data;
  double *totals = a[5].data;
  uint32_t *covered = a[6].data;
  const size_t nodes = a[0].length, classes = a[5].length;
  const size_t from = index_of(&a[7], nodes), to = index_of(&a[8], nodes);
  if (from > to || to > nodes || a[1].length < nodes || a[2].length < nodes || a[3].length < nodes || a[4].length < nodes || a[6].length < classes) FAIL("retained_by_class: lengths");
  const int wide = a[2].wide;
  const size_t step = wide ? 8 : 4, shallow_step = a[4].wide ? 8 : 4;
  const char *retained = a[2].data, *shallow = a[4].data;
  for (size_t at = from; at < to; at++) {
    if (at + AHEAD < nodes && LIKELY(order[at + AHEAD] < nodes)) {
      const size_t far = order[at + AHEAD];
      PREFETCH(&class_of[far]);
      PREFETCH(shallow + far * shallow_step);
      PREFETCH(retained + far * step);
      PREFETCH(&size[far]);
    }
    const uint32_t node = order[at];
    if (UNLIKELY(node >= nodes)) FAIL("retained_by_class: order");
    const uint32_t group = class_of[node];
    if (number_at(&a[4], node) == 0 || group == NONE) continue;
    if (UNLIKELY(group >= classes)) FAIL("retained_by_class: class");
    if (at < covered[group]) continue;
    totals[group] += number_at(&a[2], node);
    covered[group] = (uint32_t)at + size[node];
  }
  return 0;
}

/* classOf shallow distance least from to. */
static double class_distances(const Argument *a, const char **error) {
  const uint32_t *class_of = a[0].data, *distance = a[2].data;
  uint32_t *least = a[3].data;
  const size_t nodes = a[0].length, classes = a[3].length;
  const size_t from = index_of(&a[4], nodes), to = index_of(&a[5], nodes);
  if (from > to || to > nodes || a[1].length < nodes || a[2].length < nodes) FAIL("class_distances: lengths");
  for (size_t node = from; node < to; node++) {
    if (number_at(&a[1], node) == 0) continue;
    const uint32_t index = class_of[node];
    if (UNLIKELY(index >= classes)) FAIL("class_distances: class");
    if (distance[node] < least[index]) least[index] = distance[node];
  }
  return 0;
}

/* nodeKind classOf shallow kind named objects totals from to. Kinds, counts and shallow bytes of classes; see nameClasses. */
static double class_totals(const Argument *a, const char **error) {
  const uint8_t *node_kind = a[0].data;
  const uint32_t *class_of = a[1].data;
  uint8_t *kind = a[3].data, *named = a[4].data;
  uint32_t *objects = a[5].data;
  double *totals = a[6].data;
  const size_t nodes = a[1].length, classes = a[3].length;
  const size_t from = index_of(&a[7], nodes), to = index_of(&a[8], nodes);
  if (from > to || to > nodes || a[0].length < nodes || a[2].length < nodes || a[4].length < classes || a[5].length < classes || a[6].length < classes) FAIL("class_totals: lengths");
  for (size_t node = from; node < to; node++) {
    const uint32_t index = class_of[node];
    if (UNLIKELY(index >= classes)) FAIL("class_totals: class");
    if (!named[index]) {
      named[index] = 1;
      kind[index] = node_kind[node];
    }
    const double size = number_at(&a[2], node);
    if (size == 0) continue;
    if (objects[index] == 0) kind[index] = node_kind[node];
    objects[index]++;
    totals[index] += size;
  }
  return 0;
}

/* Slots of the table of classes by name and position; one entry each, the last one wins. class-names.ts has the same hash. */
#define SLOTS 4096
static inline size_t slot_of(uint32_t label, uint32_t row) {
  return ((label * 0x9e3779b1u) ^ (row * 0x85ebca6bu)) >> 20;
}

/*
 * nodeKind nodeName detachedness byKind byName byDetached table locationNode locationRow plainNode interfaceOf
 * state[location plain] classOf from to object native detached plainName strings → the first node whose class is not known
 * yet, or `to`. `table` holds label, row and class of each slot, the others classes plus one. See nameClasses.
 */
static double name_classes(const Argument *a, const char **error) {
  const uint8_t *node_kind = a[0].data, *detachedness = a[2].data;
  const uint32_t *name = a[1].data, *by_kind = a[3].data, *by_name = a[4].data, *by_detached = a[5].data, *table = a[6].data;
  const uint32_t *location_node = a[7].data, *location_row = a[8].data, *plain_node = a[9].data, *interface_of = a[10].data;
  double *state = a[11].data;
  uint32_t *class_of = a[12].data;
  const size_t nodes = a[12].length, locations = a[7].length, plains = a[9].length;
  const size_t from = index_of(&a[13], nodes), to = index_of(&a[14], nodes);
  const int object = (int)a[15].number, native = (int)a[16].number, detached = (int)a[17].number;
  const double plain_name = a[18].number;
  const uint32_t strings = (uint32_t)a[19].number;
  if (from > to || to > nodes || a[0].length < nodes || a[1].length < nodes || (a[2].length > 0 && a[2].length < nodes) ||
      a[3].length < 256 || a[6].length < 3 * SLOTS || a[8].length < locations || a[10].length < plains || a[11].length < 2) FAIL("name_classes: lengths");
  size_t location = (size_t)state[0], plain = (size_t)state[1], node = from;
  for (; node < to; node++) {
    uint32_t found = by_kind[node_kind[node]]; /* plus one: 0 is not known */
    if (found == 0) {
      const int kind = node_kind[node];
      uint32_t label = name[node], row = NONE;
      if (kind == object) {
        while (location < locations && location_node[location] < node) location++;
        if (location < locations && location_node[location] == node) row = location_row[location];
        if (label == plain_name) {
          while (plain < plains && plain_node[plain] < node) plain++;
          if (plain < plains && plain_node[plain] == node && interface_of[plain] != NONE) label = strings + interface_of[plain];
        }
        if (row != NONE || label != name[node]) {
          const uint32_t *slot = &table[3 * slot_of(label, row)];
          if (slot[0] == label && slot[1] == row) found = slot[2] + 1;
        } else if (label < a[4].length) found = by_name[label];
      } else if (kind == native) {
        if (a[2].length > 0 && detachedness[node] == detached) {
          if (label < a[5].length) found = by_detached[label];
        } else if (label < a[4].length) found = by_name[label];
      }
      if (found == 0) break;
    }
    class_of[node] = found - 1;
  }
  state[0] = (double)location;
  state[1] = (double)plain;
  return (double)node;
}

/*
 * scriptId line column locationNode nodeKind row table used[count] from to object → 0; 1 when the table is half full. `row`
 * becomes the first row of an object with the same position, NONE for rows of other nodes. `table` holds rows plus one.
 */
static double first_rows(const Argument *a, const char **error) {
  const uint32_t *location_node = a[3].data;
  const uint8_t *node_kind = a[4].data;
  uint32_t *row = a[5].data, *table = a[6].data, *used = a[7].data;
  const size_t rows = a[5].length, nodes = a[4].length, slots = a[6].length;
  const size_t from = index_of(&a[8], rows), to = index_of(&a[9], rows);
  const int object = (int)a[10].number;
  if (from > to || to > rows || a[0].length < rows || a[1].length < rows || a[2].length < rows || a[3].length < rows ||
      a[7].length < 1 || slots < 2 || (slots & (slots - 1)) != 0) FAIL("first_rows: lengths");
  for (size_t i = from; i < to; i++) {
    row[i] = NONE;
    if (location_node[i] >= nodes || node_kind[location_node[i]] != object) continue;
    const double script = number_at(&a[0], i), position = number_at(&a[1], i) * 16777216.0 + number_at(&a[2], i);
    uint64_t hash = (uint64_t)script * 0x9e3779b97f4a7c15ull ^ (uint64_t)position * 0xc2b2ae3d27d4eb4full;
    size_t slot = (size_t)(hash >> 32) & (slots - 1);
    for (; table[slot] != 0; slot = (slot + 1) & (slots - 1)) {
      const size_t other = table[slot] - 1;
      if (UNLIKELY(other >= rows)) FAIL("first_rows: table");
      if (number_at(&a[0], other) == script && number_at(&a[1], other) * 16777216.0 + number_at(&a[2], other) == position) break;
    }
    if (table[slot] == 0) {
      if (2 * (size_t)++used[0] > slots) return 1;
      table[slot] = (uint32_t)i + 1;
    }
    row[i] = table[slot] - 1;
  }
  return 0;
}

/*
 * firstEdge edgeKind edgeName plain sequence table parents names state[size] from to property proto maxProperties
 * maxSequences → how far it came; the trie must grow where it stopped early. See inferInterfaces.
 */
static double sequences(const Argument *a, const char **error) {
  const uint32_t *first = a[0].data, *edge_name = a[2].data, *plain = a[3].data;
  const uint8_t *kind = a[1].data;
  uint32_t *sequence = a[4].data, *table = a[5].data, *parents = a[6].data, *names = a[7].data, *state = a[8].data;
  const size_t edges = a[2].length, plains = a[3].length, slots = a[5].length;
  const size_t from = index_of(&a[9], plains), to = index_of(&a[10], plains);
  const int property = (int)a[11].number;
  const double proto = a[12].number, most = a[13].number, most_sequences = a[14].number;
  if (from > to || to > plains || a[0].length < 1 || a[1].length < edges || a[4].length < plains || slots < 2 ||
      (slots & (slots - 1)) != 0 || a[6].length < slots / 2 || a[7].length < slots / 2 || a[8].length < 1) FAIL("sequences: lengths");
  size_t i = from;
  for (; i < to; i++) {
    const size_t node = plain[i];
    if (UNLIKELY(node + 1 >= a[0].length)) FAIL("sequences: node");
    const size_t end = first[node + 1];
    if (UNLIKELY(end > edges)) FAIL("sequences: edges of a node");
    uint32_t at = 0;
    double seen = 0;
    for (size_t edge = first[node]; edge < end; edge++) {
      const uint32_t name = edge_name[edge];
      if ((kind[edge] & EDGE_KIND) != property || name == proto) continue;
      if (++seen > most) break;
      uint32_t hash = (at ^ (name * 0x9e3779b1u)) * 0x85ebca6bu;
      size_t slot = (hash ^ (hash >> 15)) & (slots - 1);
      uint32_t found = NONE;
      for (; table[slot] != 0; slot = (slot + 1) & (slots - 1)) {
        const uint32_t candidate = table[slot] - 1;
        if (UNLIKELY(candidate >= slots / 2)) FAIL("sequences: table");
        if (parents[candidate] == at && names[candidate] == name) {
          found = candidate;
          break;
        }
      }
      if (found == NONE) {
        if (state[0] >= most_sequences) {
          at = NONE;
          break;
        }
        if ((size_t)state[0] + 1 >= slots / 2) return (double)i;
        found = state[0]++;
        parents[found] = at;
        names[found] = name;
        table[slot] = found + 1;
      }
      at = found;
    }
    sequence[i] = at;
  }
  return (double)i;
}

const Entry CLASSES[] = {
  {"nameClasses", "bwBwwwwwwwwfwnnnnnnn", name_classes},
  {"firstRows", "cccwbwwwnnn", first_rows},
  {"sequences", "wbwwwwwwwnnnnnn", sequences},
  {"retainedByClass", "wwcwcfwnn", retained_by_class},
  {"classDistances", "wcwwnn", class_distances},
  {"classTotals", "bwcbbwfnn", class_totals},
  {0},
};
