/* From semidominators to the dominator tree and its sizes; see buildDominators. Passes over depth-first numbers. */
#include "engine.h"

#define AHEAD 24

#define RANGE(first, last, limit, name) \
  const size_t from = index_of(&(first), (limit)), to = index_of(&(last), (limit)); \
  if (from > to || to > (limit)) FAIL(name ": range")

/* parent link from to. Each vertex for itself, with its parent above. */
static double begin_links(const Argument *a, const char **error) {
  const uint32_t *parent = a[0].data;
  uint32_t *link = a[1].data;
  RANGE(a[2], a[3], a[0].length, "begin_links");
  if (a[1].length < 2 * to) FAIL("begin_links: lengths");
  for (size_t i = from; i < to; i++) {
    link[2 * i] = 2 * parent[i];
    link[2 * i + 1] = (uint32_t)i;
  }
  return 0;
}

/* semi idom from to. `idom` holds parents and becomes immediate dominators, from the first number up. */
static double immediate(const Argument *a, const char **error) {
  const uint32_t *semi = a[0].data;
  uint32_t *idom = a[1].data;
  RANGE(a[2], a[3], a[1].length, "immediate");
  if (a[0].length < to) FAIL("immediate: lengths");
  for (size_t i = from > 0 ? from : 1; i < to; i++) {
    if (i + AHEAD < to) PREFETCH(&idom[semi[i + AHEAD] < to ? semi[i + AHEAD] : 0]);
    const uint32_t limit = semi[i];
    uint32_t above = idom[i];
    while (above > limit) {
      if (UNLIKELY(above >= i)) FAIL("immediate: order");
      above = idom[above];
    }
    if (UNLIKELY(above >= i)) FAIL("immediate: order");
    idom[i] = above;
  }
  return 0;
}

/* idom vertex size retained reached from to. Sizes bottom-up: slice `from … to` counted from the last number. */
static double tree_sizes(const Argument *a, const char **error) {
  const uint32_t *idom = a[0].data, *vertex = a[1].data;
  uint32_t *size = a[2].data, *narrow = a[3].data;
  double *wide = a[3].data;
  const size_t nodes = a[3].length, reached = index_of(&a[4], nodes);
  RANGE(a[5], a[6], reached, "tree_sizes");
  if (reached > nodes || a[0].length < reached || a[1].length < reached || a[2].length < reached) FAIL("tree_sizes: lengths");
  for (size_t i = reached - from; i-- > reached - to;) {
    if (i == 0) break;
    if (i > 2 * AHEAD) {
      const uint32_t far = vertex[i - AHEAD], over = idom[i - AHEAD];
      if (LIKELY(over < reached)) {
        const uint32_t above = vertex[over];
        if (a[3].wide) {
          if (LIKELY(far < nodes && above < nodes)) PREFETCH(&wide[far]), PREFETCH_WRITE(&wide[above]);
        } else if (LIKELY(far < nodes && above < nodes)) PREFETCH(&narrow[far]), PREFETCH_WRITE(&narrow[above]);
      }
      PREFETCH(&vertex[idom[i - 2 * AHEAD]]);
    }
    const uint32_t above = idom[i];
    if (UNLIKELY(above >= i)) FAIL("tree_sizes: order");
    const uint32_t node = vertex[i], over = vertex[above];
    if (UNLIKELY(node >= nodes || over >= nodes)) FAIL("tree_sizes: vertex");
    size[above] += size[i];
    if (a[3].wide) wide[over] += wide[node];
    else narrow[over] += narrow[node];
  }
  return 0;
}

/* idom size next from to. Preorder positions top-down: where the next child of each goes. */
static double tree_positions(const Argument *a, const char **error) {
  const uint32_t *idom = a[0].data, *size = a[1].data;
  uint32_t *next = a[2].data;
  RANGE(a[3], a[4], a[0].length, "tree_positions");
  if (a[1].length < to || a[2].length < to) FAIL("tree_positions: lengths");
  for (size_t i = from > 0 ? from : 1; i < to; i++) {
    const uint32_t above = idom[i];
    if (UNLIKELY(above >= i)) FAIL("tree_positions: order");
    const uint32_t at = next[above];
    next[above] = at + size[i];
    next[i] = at + 1;
  }
  return 0;
}

/* vertex idom dominator from to: dominator[vertex[i]] = vertex[idom[i]]. */
static double scatter_dominators(const Argument *a, const char **error) {
  const uint32_t *vertex = a[0].data, *idom = a[1].data;
  uint32_t *dominator = a[2].data;
  const size_t nodes = a[2].length;
  RANGE(a[3], a[4], a[0].length, "scatter_dominators");
  if (a[1].length < to) FAIL("scatter_dominators: lengths");
  for (size_t i = from; i < to; i++) {
    if (i + AHEAD < to) {
      if (LIKELY(vertex[i + AHEAD] < nodes)) PREFETCH_WRITE(&dominator[vertex[i + AHEAD]]);
      PREFETCH(&vertex[idom[i + AHEAD]]);
    }
    if (UNLIKELY(vertex[i] >= nodes || idom[i] >= a[0].length)) FAIL("scatter_dominators: index");
    dominator[vertex[i]] = vertex[idom[i]];
  }
  return 0;
}

/* index values target from to: target[index[i]] = values[i]. */
static double scatter(const Argument *a, const char **error) {
  const uint32_t *index = a[0].data, *values = a[1].data;
  uint32_t *target = a[2].data;
  const size_t room = a[2].length;
  RANGE(a[3], a[4], a[0].length, "scatter");
  if (a[1].length < to) FAIL("scatter: lengths");
  for (size_t i = from; i < to; i++) {
    if (i + AHEAD < to && LIKELY(index[i + AHEAD] < room)) PREFETCH_WRITE(&target[index[i + AHEAD]]);
    if (UNLIKELY(index[i] >= room)) FAIL("scatter: index");
    target[index[i]] = values[i];
  }
  return 0;
}

/* position order from to: order[position[node]] = node where there is a position. */
static double scatter_order(const Argument *a, const char **error) {
  const uint32_t *position = a[0].data;
  uint32_t *order = a[1].data;
  const size_t room = a[1].length;
  RANGE(a[2], a[3], a[0].length, "scatter_order");
  for (size_t node = from; node < to; node++) {
    if (node + AHEAD < to && position[node + AHEAD] < room) PREFETCH_WRITE(&order[position[node + AHEAD]]);
    const uint32_t at = position[node];
    if (at == NONE) continue;
    if (UNLIKELY(at >= room)) FAIL("scatter_order: position");
    order[at] = (uint32_t)node;
  }
  return 0;
}

const Entry TREE[] = {
  {"beginLinks", "wwnn", begin_links},
  {"immediate", "wwnn", immediate},
  {"treeSizes", "wwwcnnn", tree_sizes},
  {"treePositions", "wwwnn", tree_positions},
  {"scatterDominators", "wwwnn", scatter_dominators},
  {"scatter", "wwwnn", scatter},
  {"scatterOrder", "wwnn", scatter_order},
  {0},
};
