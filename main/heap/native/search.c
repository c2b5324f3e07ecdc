/* Depth-first search and semidominators; dominators.ts has the algorithm and its source. */
#include "engine.h"

/*
 * first kind to held number vertex parent stack cursor visited state[reached depth orphan] root orphans budget → 1 when
 * done. Nodes that nothing essential holds begin a search of their own in the second phase (`orphans` = 1). `visited` has a
 * bit for each node: it stays in the cache, where the numbers do not.
 */
static double depth_first(const Argument *a, const char **error) {
  const uint32_t *first = a[0].data, *to = a[2].data;
  const uint8_t *kind = a[1].data, *held = a[3].data;
  uint32_t *number = a[4].data, *vertex = a[5].data, *parent = a[6].data, *stack = a[7].data, *cursor = a[8].data, *visited = a[9].data;
  double *state = a[10].data;
  const size_t nodes = a[4].length, edges = a[2].length;
  const size_t root = index_of(&a[11], nodes);
  const int orphans = a[12].number != 0;
  int64_t budget = (int64_t)a[13].number;
  if (a[0].length < nodes + 1 || a[1].length != edges || a[3].length < nodes || a[5].length < nodes || a[6].length < nodes ||
      a[7].length < nodes || a[8].length < nodes || a[9].length < (nodes + 31) / 32 || a[10].length < 3 || root >= nodes) FAIL("depth_first: lengths");
  size_t reached = (size_t)state[0], depth = (size_t)state[1], orphan = (size_t)state[2];
  if (reached > nodes || depth > nodes || orphan > nodes) FAIL("depth_first: state");
#define ENTER(node, above) \
  do { \
    set_bit(visited, (node)); \
    number[node] = (uint32_t)reached; \
    vertex[reached] = (uint32_t)(node); \
    parent[reached] = (uint32_t)(above); \
    stack[depth] = (uint32_t)reached; \
    cursor[depth] = first[node]; \
    reached++; \
    depth++; \
  } while (0)
  if (reached == 0) ENTER(root, 0);
  int done = 0;
  while (budget > 0) {
    if (depth == 0) {
      if (!orphans) {
        done = 1;
        break;
      }
      while (orphan < nodes && (bit_at(visited, orphan) || held[orphan])) {
        orphan++;
        if (--budget == 0) goto out;
      }
      if (orphan >= nodes || reached == nodes) {
        done = 1;
        break;
      }
      ENTER(orphan, 0);
      orphan++;
    }
    const uint32_t above = stack[depth - 1];
    const size_t node = vertex[above];
    const size_t end = first[node + 1];
    size_t edge = cursor[depth - 1];
    if (UNLIKELY(end > edges)) FAIL("depth_first: edges of a node");
    const size_t begin = edge;
    uint32_t child = NONE;
    while (edge < end) {
      const uint32_t target = to[edge];
      const int counts = kind[edge] & EDGE_ESSENTIAL;
      edge++;
      if (!counts) continue;
      if (UNLIKELY(target >= nodes)) FAIL("depth_first: target");
      if (!bit_at(visited, target)) {
        child = target;
        break;
      }
    }
    cursor[depth - 1] = (uint32_t)edge;
    budget -= (int64_t)(edge - begin) + 1;
    if (child == NONE) depth--;
    else {
      PREFETCH(&to[first[child]]);
      PREFETCH(&kind[first[child]]);
      /* The sibling that comes next is likely to be entered soon. */
      if (edge < end && LIKELY(to[edge] < nodes)) PREFETCH(&first[to[edge]]);
      ENTER(child, above);
    }
  }
out:
  state[0] = (double)reached;
  state[1] = (double)depth;
  state[2] = (double)orphan;
  return done;
}

/* How far ahead each step of reaching a retainer's link is asked for. */
#define FAR 40
#define MIDDLE 28
#define NEAR 18
#define CLOSE 8
/* Retainers of one node that are asked for ahead; most have fewer. */
#define EACH 6

/*
 * number vertex link semi firstRetainer retainer path state[i] budget → 1 when done. `link` has two entries for each
 * number: twice the ancestor in the compressed forest, and the least semidominator up to there. `path` is room for one path.
 */
static double semidominators(const Argument *a, const char **error) {
  const uint32_t *number = a[0].data, *vertex = a[1].data, *first = a[4].data, *retainer = a[5].data;
  uint32_t *link = a[2].data, *semi = a[3].data, *path = a[6].data;
  double *state = a[7].data;
  int64_t budget = (int64_t)a[8].number;
  const size_t nodes = a[0].length, count = a[5].length, room = a[6].length, reached = (size_t)a[9].number;
  if (a[1].length < reached || a[2].length < 2 * reached || a[3].length < reached || a[4].length < nodes + 1 || a[7].length < 1 || reached > nodes) FAIL("semidominators: lengths");
  if (!(state[0] >= 0 && state[0] < (double)(reached > 0 ? reached : 1))) FAIL("semidominators: state");
  size_t i = (size_t)state[0];
  for (; i > 0 && budget > 0; i--) {
    if (LIKELY(i > FAR)) {
      const uint32_t far = vertex[i - FAR], middle = vertex[i - MIDDLE], near = vertex[i - NEAR], close = vertex[i - CLOSE];
      if (LIKELY(far < nodes)) PREFETCH(&first[far]);
      if (LIKELY(middle < nodes)) PREFETCH(&retainer[first[middle]]);
      if (LIKELY(near < nodes)) {
        size_t at = first[near], end = first[near + 1];
        if (end - at > 1 && LIKELY(end <= count)) {
          if (end > at + EACH) end = at + EACH;
          for (; at < end; at++) {
            const uint32_t source = retainer[at] & ~RETAINER_WEAK;
            if (LIKELY(source < nodes)) PREFETCH(&number[source]);
          }
        }
      }
      if (LIKELY(close < nodes)) {
        size_t at = first[close], end = first[close + 1];
        if (end - at > 1 && LIKELY(end <= count)) {
          if (end > at + EACH) end = at + EACH;
          for (; at < end; at++) {
            const uint32_t source = retainer[at] & ~RETAINER_WEAK;
            if (LIKELY(source < nodes)) {
              const uint32_t v = number[source];
              if (v < reached) PREFETCH_WRITE(&link[2 * (size_t)v]);
            }
          }
        }
      }
    }
    const uint32_t node = vertex[i];
    if (UNLIKELY(node >= nodes)) FAIL("semidominators: vertex");
    const size_t begin = first[node], end = first[node + 1];
    if (UNLIKELY(end > count || begin > end)) FAIL("semidominators: retainers of a node");
    const uint32_t linked = (uint32_t)(2 * i + 2);
    uint32_t least = link[2 * i] >> 1;
    /* A single retainer is the parent in the search; below the root there is nothing. */
    if (end - begin > 1) {
      for (size_t at = begin; at < end && least > 0; at++) {
        if (at + 32 < end) {
          const uint32_t far = retainer[at + 32] & ~RETAINER_WEAK, near = retainer[at + 12] & ~RETAINER_WEAK;
          if (LIKELY(far < nodes)) PREFETCH(&number[far]);
          if (LIKELY(near < nodes)) {
            const uint32_t v = number[near];
            if (v < reached) PREFETCH_WRITE(&link[2 * (size_t)v]);
          }
        }
        const uint32_t source = retainer[at];
        if (source & RETAINER_WEAK) continue;
        if (UNLIKELY(source >= nodes)) FAIL("semidominators: source");
        const uint32_t v = number[source];
        if (v >= reached) continue; /* NONE: held by itself only */
        uint32_t value = v;
        if (v > i) {
          /* Everything here is twice the number. */
          size_t low = 2 * (size_t)v;
          uint32_t above = link[low];
          value = link[low + 1];
          if (above >= linked) {
            size_t depth = 0;
            do {
              if (UNLIKELY(depth == room || above >= 2 * reached)) FAIL("semidominators: path");
              path[depth++] = (uint32_t)low;
              low = above;
              above = link[low];
            } while (above >= linked);
            /* `low` is the highest linked vertex of the path: everything below it points past it afterwards. */
            value = link[low + 1];
            while (depth > 0) {
              low = path[--depth];
              link[low] = above;
              if (link[low + 1] > value) link[low + 1] = value;
              else value = link[low + 1];
            }
          }
        }
        if (value < least) least = value;
      }
    }
    budget -= (int64_t)(end - begin) + 1;
    semi[i] = least;
    link[2 * i + 1] = least;
  }
  state[0] = (double)i;
  return i == 0;
}

const Entry SEARCH[] = {
  {"depthFirst", "wbwbwwwwwwfnnn", depth_first},
  {"semidominators", "wwwwwwwfnn", semidominators},
  {0},
};
