/* Breadth-first distances; distances.ts has the rules. */
#include "engine.h"

/* How far ahead in the queue a node's edges, and in its edges their targets, are asked for. */
#define QUEUE_AHEAD 16
#define EDGES_AHEAD 8

/*
 * first kind name to nodeKind nodeName distance queue visited state[head tail] entryNames entryPairs pending skipped
 * rules[weak hidden nativeContext sloppyMap array descriptors element hiddenEdge] budget → 1 when the queue is empty.
 * `visited` has a bit for each node that has a distance. `skipped` by string: 1 where an edge of that name in a descriptor
 * array is not followed.
 */
static double spread(const Argument *a, const char **error) {
  const uint32_t *first = a[0].data, *name = a[2].data, *to = a[3].data, *node_name = a[5].data;
  const uint8_t *kind = a[1].data, *node_kind = a[4].data, *skipped = a[13].data;
  uint32_t *distance = a[6].data, *queue = a[7].data, *visited = a[8].data;
  double *state = a[9].data;
  const uint32_t *entries = a[10].data, *pairs = a[11].data;
  uint8_t *pending = a[12].data;
  const double *rules = a[14].data;
  int64_t budget = (int64_t)a[15].number;
  const size_t nodes = a[6].length, edges = a[3].length, entry_count = a[10].length;
  if (a[0].length < nodes + 1 || a[1].length != edges || a[2].length != edges || a[4].length < nodes || a[5].length < nodes ||
      a[7].length < nodes || a[8].length < (nodes + 31) / 32 || a[9].length < 2 || a[11].length < entry_count || a[14].length < 8) FAIL("spread: lengths");
  const int weak = (int)rules[0], hidden = (int)rules[1], array = (int)rules[4], element = (int)rules[6], hidden_edge = (int)rules[7];
  const double native_context = rules[2], sloppy_map = rules[3], descriptors = rules[5];
  size_t head = (size_t)state[0], tail = (size_t)state[1];
  if (head > tail || tail > nodes) FAIL("spread: state");
  for (; head < tail && budget > 0; head++) {
    if (head + 2 * QUEUE_AHEAD < tail && LIKELY(queue[head + 2 * QUEUE_AHEAD] < nodes)) {
      PREFETCH(&first[queue[head + 2 * QUEUE_AHEAD]]);
      PREFETCH(&node_name[queue[head + 2 * QUEUE_AHEAD]]);
    }
    if (head + QUEUE_AHEAD < tail && LIKELY(queue[head + QUEUE_AHEAD] < nodes)) {
      const size_t edge = first[queue[head + QUEUE_AHEAD]];
      PREFETCH(&to[edge]);
      PREFETCH(&kind[edge]);
    }
    const uint32_t node = queue[head];
    if (UNLIKELY(node >= nodes)) FAIL("spread: queue");
    const uint32_t next = distance[node] + 1;
    const size_t end = first[node + 1];
    if (UNLIKELY(end > edges)) FAIL("spread: edges of a node");
    const int in_context = node_kind[node] == hidden && node_name[node] == native_context;
    const int in_descriptors = node_kind[node] == array && node_name[node] == descriptors;
    budget -= (int64_t)end - (int64_t)first[node] + 1;
    for (size_t edge = first[node]; edge < end; edge++) {
      const uint32_t target = to[edge];
      if (UNLIKELY(target >= nodes)) FAIL("spread: target");
      if (bit_at(visited, target)) continue;
      const int flags = kind[edge], edge_kind = flags & EDGE_KIND;
      if (edge_kind == weak) continue;
      if (UNLIKELY(in_context || in_descriptors || (flags & EDGE_EPHEMERON))) {
        const int numbered = edge_kind == element || edge_kind == hidden_edge;
        const uint32_t label = name[edge];
        if (in_context && !numbered && label == sloppy_map) continue;
        if (in_descriptors) {
          if (numbered ? label >= 2 && label % 3 == 1 : label < a[13].length && skipped[label]) continue;
        } else if (flags & EDGE_EPHEMERON) {
          size_t low = 0, high = entry_count;
          while (low < high) {
            const size_t middle = (low + high) >> 1;
            if (entries[middle] < label) low = middle + 1;
            else high = middle;
          }
          if (UNLIKELY(low == entry_count || entries[low] != label || pairs[low] >= a[12].length)) FAIL("spread: entry");
          pending[pairs[low]] ^= 1;
          if (pending[pairs[low]]) continue;
        }
      }
      set_bit(visited, target);
      distance[target] = next;
      if (UNLIKELY(tail == nodes)) FAIL("spread: queue");
      queue[tail++] = target;
    }
  }
  state[0] = (double)head;
  state[1] = (double)tail;
  return head >= tail;
}

const Entry DISTANCES[] = {
  {"spreadDistances", "wbwwbwwwwfwwbbfn", spread},
  {0},
};
