/* Passes over all edges in the order of the file: what keeps alive, who owns whom, who retains whom. */
#include "engine.h"

/* How many edges ahead memory is asked for. */
#define AHEAD 24

/* What every pass here needs of a graph: first edges, and `nodes` of them. */
#define GRAPH_CHECK(first, to, kind, nodes, name) \
  do { \
    if ((first).length < (nodes) + 1) FAIL(name ": nodes"); \
    if ((to).length != (kind).length) FAIL(name ": edges"); \
  } while (0)

/*
 * first kind to owned stack state[at top] weak budget → 1 when done. Spreads the 1 of `owned` along edges that are not weak;
 * nodes ahead are met later, only those behind are stacked. See markPageOwned.
 */
static double page_owned(const Argument *a, const char **error) {
  const uint32_t *first = a[0].data, *to = a[2].data;
  const uint8_t *kind = a[1].data;
  uint8_t *owned = a[3].data;
  uint32_t *stack = a[4].data;
  double *state = a[5].data;
  const double weak = a[6].number;
  const size_t nodes = a[3].length, edges = a[2].length;
  int64_t budget = (int64_t)a[7].number;
  GRAPH_CHECK(a[0], a[2], a[1], nodes, "page_owned");
  if (a[4].length < nodes || a[5].length < 2) FAIL("page_owned: lengths");
  size_t at = (size_t)state[0], top = (size_t)state[1];
  if (at > nodes || top > nodes) FAIL("page_owned: state");
  while (budget > 0) {
    size_t node;
    if (top > 0) node = stack[--top];
    else if (at < nodes) node = at++;
    else break;
    budget--;
    if (!owned[node]) continue;
    const size_t end = first[node + 1];
    if (UNLIKELY(end > edges)) FAIL("page_owned: edges of a node");
    for (size_t edge = first[node]; edge < end; edge++) {
      if (edge + AHEAD < edges && LIKELY(to[edge + AHEAD] < nodes)) PREFETCH_WRITE(&owned[to[edge + AHEAD]]);
      const uint32_t target = to[edge];
      if (UNLIKELY(target >= nodes)) FAIL("page_owned: target");
      if (owned[target] || (kind[edge] & EDGE_KIND) == weak) continue;
      owned[target] = 1;
      if (target < at) {
        if (UNLIKELY(top == nodes)) FAIL("page_owned: stack");
        stack[top++] = target;
      }
    }
    budget -= (int64_t)(end - first[node]);
  }
  state[0] = (double)at;
  state[1] = (double)top;
  return top == 0 && at >= nodes;
}

/* Position of a string among the names of WeakMap entries, −1: none. */
static int64_t entry_of(const uint32_t *names, size_t count, uint32_t name) {
  size_t low = 0, high = count;
  while (low < high) {
    const size_t middle = (low + high) >> 1;
    if (names[middle] == name) return (int64_t)middle;
    if (names[middle] < name) low = middle + 1;
    else high = middle;
  }
  return -1;
}

/*
 * first kind name to id owned incoming entryNames entryTables from to root weak shortcut internal → 0.
 * See markEssentialEdges.
 */
static double essential(const Argument *a, const char **error) {
  enum { OWNED = 1, HELD = 2 };
  const uint32_t *first = a[0].data, *name = a[2].data, *to = a[3].data;
  uint8_t *kind = a[1].data, *owned = a[5].data;
  uint32_t *incoming = a[6].data;
  const uint32_t *entries = a[7].data;
  const double *tables = a[8].data;
  const size_t nodes = a[5].length, edges = a[3].length, entry_count = a[7].length;
  const size_t from = index_of(&a[9], nodes), stop = index_of(&a[10], nodes);
  const size_t root = index_of(&a[11], nodes);
  const int weak = (int)a[12].number, shortcut = (int)a[13].number, internal = (int)a[14].number;
  GRAPH_CHECK(a[0], a[3], a[1], nodes, "essential");
  if (a[2].length != edges || a[4].length < nodes || (a[6].length > 0 && a[6].length < nodes) || a[8].length < entry_count) FAIL("essential: lengths");
  const int counts = a[6].length > 0;
  if (from > stop || stop > nodes) FAIL("essential: range");
  const uint32_t first_entry = entry_count > 0 ? entries[0] : NONE;
  for (size_t node = from; node < stop; node++) {
    const size_t end = first[node + 1];
    if (UNLIKELY(end > edges)) FAIL("essential: edges of a node");
    const int outside = (owned[node] & OWNED) == 0;
    for (size_t edge = first[node]; edge < end; edge++) {
      if (edge + AHEAD < edges && LIKELY(to[edge + AHEAD] < nodes)) {
        if (counts) PREFETCH_WRITE(&incoming[to[edge + AHEAD]]);
        PREFETCH_WRITE(&owned[to[edge + AHEAD]]);
      }
      const int edge_kind = kind[edge] & EDGE_KIND;
      const uint32_t target = to[edge];
      if (UNLIKELY(target >= nodes)) FAIL("essential: target");
      if (counts) incoming[target]++;
      int flags = EDGE_ESSENTIAL;
      if (edge_kind == weak || target == node) flags = 0;
      else if (node != root && (edge_kind == shortcut || (outside && (owned[target] & OWNED)))) flags = 0;
      if (edge_kind == internal && name[edge] >= first_entry && entry_count > 0) {
        const int64_t entry = entry_of(entries, entry_count, name[edge]);
        if (entry >= 0) {
          if (tables[entry] == number_at(&a[4], node)) flags = 0;
          flags |= EDGE_EPHEMERON;
        }
      }
      if (flags & EDGE_ESSENTIAL) owned[target] |= HELD;
      kind[edge] = (uint8_t)(edge_kind | flags);
    }
  }
  return 0;
}

/* to incoming from until → 0. How many edges lead to each node. */
static double count_incoming(const Argument *a, const char **error) {
  const uint32_t *to = a[0].data;
  uint32_t *incoming = a[1].data;
  const size_t edges = a[0].length, nodes = a[1].length;
  const size_t from = index_of(&a[2], edges), until = index_of(&a[3], edges);
  if (from > until || until > edges) FAIL("count_incoming: range");
  for (size_t edge = from; edge < until; edge++) {
    if (edge + AHEAD < edges && LIKELY(to[edge + AHEAD] < nodes)) PREFETCH_WRITE(&incoming[to[edge + AHEAD]]);
    if (UNLIKELY(to[edge] >= nodes)) FAIL("count_incoming: target");
    incoming[to[edge]]++;
  }
  return 0;
}

/*
 * first kind to ownKind owners stack from to weak → 0. `owners`: a node that owns itself, NONE not yet reached, NONE − 1 of
 * several. See moveOwnedSizes. `stack` has room for two entries a node.
 */
static double spread_owners(const Argument *a, const char **error) {
  const uint32_t unvisited = NONE, shared = NONE - 1;
  const uint32_t *first = a[0].data, *to = a[2].data;
  const uint8_t *kind = a[1].data;
  uint32_t *owners = a[3].data, *stack = a[4].data;
  const size_t nodes = a[3].length, edges = a[2].length, room = a[4].length;
  const size_t from = index_of(&a[5], nodes), stop = index_of(&a[6], nodes);
  const int weak = (int)a[7].number;
  GRAPH_CHECK(a[0], a[2], a[1], nodes, "spread_owners");
  if (from > stop || stop > nodes) FAIL("spread_owners: range");
  for (size_t start = from; start < stop; start++) {
    if (owners[start] != start) continue;
    size_t node = start, top = 0;
    for (;;) {
      const uint32_t owner = owners[node];
      const size_t end = first[node + 1];
      if (UNLIKELY(end > edges)) FAIL("spread_owners: edges of a node");
      for (size_t edge = first[node]; edge < end; edge++) {
        if (edge + AHEAD < edges && LIKELY(to[edge + AHEAD] < nodes)) PREFETCH(&owners[to[edge + AHEAD]]);
        const uint32_t target = to[edge];
        if (UNLIKELY(target >= nodes)) FAIL("spread_owners: target");
        const uint32_t known = owners[target];
        if (known == target || known == owner || known == shared || (kind[edge] & EDGE_KIND) == weak) continue;
        owners[target] = known == unvisited ? owner : shared;
        if (UNLIKELY(top == room)) FAIL("spread_owners: stack");
        stack[top++] = target;
      }
      if (top == 0) break;
      node = stack[--top];
    }
  }
  return 0;
}

/* first kind to firstRetainer retainer from to → 0. Nodes from the last one down; see buildRetainers. */
static double retainers(const Argument *a, const char **error) {
  const uint32_t *first = a[0].data, *to = a[2].data;
  const uint8_t *kind = a[1].data;
  uint32_t *at_first = a[3].data, *retainer = a[4].data;
  const size_t edges = a[2].length, room = a[4].length;
  const size_t nodes = a[3].length > 0 ? a[3].length - 1 : 0;
  const size_t from = index_of(&a[5], nodes), stop = index_of(&a[6], nodes);
  GRAPH_CHECK(a[0], a[2], a[1], nodes, "retainers");
  if (from > stop || stop > nodes) FAIL("retainers: range");
  for (size_t node = nodes - from; node-- > nodes - stop;) {
    const size_t begin = first[node];
    size_t edge = first[node + 1];
    if (UNLIKELY(edge > edges)) FAIL("retainers: edges of a node");
    while (edge-- > begin) {
      if (edge >= 2 * AHEAD) {
        const uint32_t far = to[edge - 2 * AHEAD], near = to[edge - AHEAD];
        if (LIKELY(far < nodes)) PREFETCH_WRITE(&at_first[far]);
        if (LIKELY(near < nodes)) PREFETCH_WRITE(&retainer[at_first[near] - 1]); /* never read here, so never wrong */
      }
      const uint32_t target = to[edge];
      if (UNLIKELY(target >= nodes)) FAIL("retainers: target");
      const uint32_t at = at_first[target] - 1;
      if (UNLIKELY(at >= room)) FAIL("retainers: counts");
      at_first[target] = at;
      retainer[at] = (kind[edge] & EDGE_ESSENTIAL) ? (uint32_t)node : (uint32_t)node | RETAINER_WEAK;
    }
  }
  return 0;
}

/*
 * own nodeKind nodeName selfSize owners from to hidden array native externalString → sum of sizes. Fills `owners` for
 * spreadOwners: a node that can own, itself; others NONE.
 */
static double begin_owners(const Argument *a, const char **error) {
  const uint8_t *kind = a[0].data;
  const uint32_t *name = a[1].data;
  uint32_t *owners = a[3].data;
  const size_t nodes = a[3].length;
  const size_t from = index_of(&a[4], nodes), stop = index_of(&a[5], nodes);
  const int hidden = (int)a[6].number, array = (int)a[7].number, native = (int)a[8].number;
  const double external = a[9].number;
  if (a[0].length < nodes || a[1].length < nodes || a[2].length < nodes || from > stop || stop > nodes) FAIL("begin_owners: lengths");
  double total = 0;
  for (size_t node = from; node < stop; node++) {
    const int k = kind[node];
    const int owned = k == hidden || k == array || (k == native && name[node] == external);
    owners[node] = owned ? NONE : (uint32_t)node;
    total += number_at(&a[2], node);
  }
  return total;
}

/* nodeKind owners sizes from to synthetic root → 0. Moves the sizes of owned nodes to their owners. */
static double move_sizes(const Argument *a, const char **error) {
  const uint8_t *kind = a[0].data;
  const uint32_t *owners = a[1].data;
  const size_t nodes = a[1].length;
  const size_t from = index_of(&a[3], nodes), stop = index_of(&a[4], nodes);
  const int synthetic = (int)a[5].number;
  const double root = a[6].number;
  if (a[0].length < nodes || a[2].length < nodes || from > stop || stop > nodes) FAIL("move_sizes: lengths");
  uint32_t *narrow = a[2].data;
  double *wide = a[2].data;
  for (size_t node = from; node < stop; node++) {
    const uint32_t owner = owners[node];
    if (owner == node || owner >= NONE - 1) continue;
    if (UNLIKELY(owner >= nodes)) FAIL("move_sizes: owner");
    if (kind[owner] == synthetic || owner == root) continue;
    if (a[2].wide) {
      const double size = wide[node];
      wide[node] = 0;
      wide[owner] += size;
    } else {
      const uint32_t size = narrow[node];
      narrow[node] = 0;
      narrow[owner] += size;
    }
  }
  return 0;
}

const Entry GRAPH[] = {
  {"pageOwned", "wbwbwfnn", page_owned},
  {"countIncoming", "wwnn", count_incoming},
  {"essential", "wbwwcbWwfnnnnnn", essential},
  {"beginOwners", "bwcwnnnnnn", begin_owners},
  {"spreadOwners", "wbwwwnnn", spread_owners},
  {"moveSizes", "bwcnnnn", move_sizes},
  {"retainers", "wbwwwnn", retainers},
  {0},
};
