/* What Python hands over, and the graph of one run. */
enum { G_LAYOUT, G_TYPES, G_STRINGS, G_FIRST, G_SYNTHETIC, G_EDGES, G_COUNTS, G_FRAMES, G_MARKS, G_SEEDS,
       G_HELD, G_GRANULES, G_HEAD, G_MIDDLE, G_TAIL, G_FILE, G_PIPE, G_PROBES, G_WITNESS, G_START, G_ESTIMATE,
       G_KEEP, G_SIZED, G_PLACES, G_SITES, G_SITES_KIND, GIVEN };
static struct { void *at; i64 n; } given[GIVEN];

/* Offsets found by calibration in native.py, in this order. -1: this version has no such field. */
enum { L_VERSION, L_ASCII, L_WIDE, L_QUALNAME, L_KEYS, L_VALUES_WORD, L_VALUES_START, L_DICT_WORD,
       L_TAGGED_INT, L_STATIC_PRE, L_F_CODE, L_F_GLOBALS, L_F_BUILTINS, L_F_DEFAULTS, L_F_KWDEFAULTS,
       L_F_CLOSURE, L_F_DOC, L_F_NAME, L_F_QUALNAME, L_F_MODULE, L_F_DICT, L_F_ANNOTATIONS,
       L_GEN_CODE, L_GEN_FRAME, L_GEN_LOCALS, L_FRAME_INNER, L_FRAME_BACK, L_FRAME_CODE, L_FRAME_GLOBALS,
       L_FRAME_BUILTINS, L_FRAME_LOCALS, L_CODE_LOCALS, L_CODE_CELLS, L_CODE_FREE, L_CODE_LINE,
       L_CODE_NAME, L_CODE_FILE, L_GC_HEADS, L_GC_FROZEN, L_TUPLE,
       L_THRESHOLD_0, L_THRESHOLD_1, L_INTERNED, LAYOUT };
static i64 L[LAYOUT];

#define ITEM(tuple, i) PTR(tuple, L[L_TUPLE] + (i64)(i) * 8)
/* 3.14+: above the count stand flags. */
#define REFS(o) (L[L_VERSION] >= 314 ? (i64)U32(o, 0) : I64(o, 0))


enum { K_OBJECT, K_TYPE, K_STR, K_INT, K_FLOAT, K_COMPLEX, K_BOOL, K_BYTES, K_BYTEARRAY, K_LIST, K_TUPLE,
       K_DICT, K_SET, K_FROZENSET, K_DEQUE, K_FUNCTION, K_BUILTIN, K_METHOD, K_CODE, K_CELL, K_FRAME,
       K_MODULE, K_WEAKREF, K_PROXY, K_CALLABLE_PROXY, K_GENERATOR, K_COROUTINE, K_ASYNC_GENERATOR, K_SLICE,
       K_RANGE, K_METHOD_DESCRIPTOR, K_NONE, K_NDARRAY, KNOWN };
static void *K[KNOWN];

enum { E_CONTEXT, E_ELEMENT, E_PROPERTY, E_INTERNAL, E_HIDDEN, E_SHORTCUT, E_WEAK };
enum { N_STRING = 2, N_OBJECT = 3, N_CODE = 4, N_CLOSURE = 5, N_NUMBER = 7, N_NATIVE = 8, N_SYNTHETIC = 9 };
enum { ROOT, GC_ROOTS, MODULES, THREADS, TYPES, HELD, GARBAGE, INTERNED };
enum { STRIDE = 9, PREVIEW = 100 }; /* one field more where allocations were sampled: sample_weight */
#define FOLDED 0xFFFFFFFEu

struct pending { u64 edge; void *referent; };

struct node { u32 name, size, edges, refs, plan; };
struct edge { u32 to, name; }; /* above 29 bits of `to` stands the type */

static struct {
    /* nodes, by ordinal: the synthetic ones first */
    struct column addr, node;
    u32 nodes, synthetic, done;
    u64 *slots; /* see find() */
    u64 mask, indexed;
    struct column edge;
    u64 e_count;
    /* strings: escaped text with quotes, and where each begins */
    struct column text, text_at;
    u32 strings;
    u32 *text_slots;
    u64 text_mask;
    struct map own, types, folded;
    struct column plans, slot_list, pending, refs_seen, content, held_edges, garbage_edges, interned_edges;
    struct column site, weight, traced, infos; /* sites.h; the first two by node */
    struct map count; /* of the references of one object, when there are many */
    u8 is_virtual, in_copy;
    volatile int cancelled;
    u64 bytes, total;
    double began, last_tick, pause, walk_ms, cpu_began, cpu;
} S;

static void drop_all(void) {
    struct column *all[] = {&S.addr, &S.node, &S.edge, &S.text, &S.text_at, &S.plans, &S.slot_list, &S.pending,
                            &S.refs_seen, &S.content, &S.held_edges, &S.garbage_edges, &S.interned_edges, &S.site,
                            &S.weight, &S.traced, &S.infos};
    for (u32 i = 0; i < sizeof all / sizeof *all; i++) column_drop(all[i]);
    unmap_memory(S.slots, (S.mask + 1) * 8);
    unmap_memory(S.text_slots, (S.text_mask + 1) * 4);
    struct map *maps[] = {&S.own, &S.types, &S.folded, &S.count};
    for (u32 i = 0; i < 4; i++)
        if (maps[i]->keys) map_drop(maps[i]);
    __builtin_memset(&S, 0, sizeof S);
}

#define NODE(field, n) (((struct node *)S.node.at)[n].field)
#define ADDR(n) (((void **)S.addr.at)[n])
#define EDGE(e) (((struct edge *)S.edge.at)[e])
#define EDGE_TO(e) (EDGE(e).to & ORDINALS)
#define EDGE_TYPE(e) (EDGE(e).to >> ORDINAL_BITS)

/* Address -> ordinal. What is looked up lies all over memory, so an entry says all by itself, in 64 bits and without a look at
 * the node: the ordinal + 1, and what of the scattered address its place does not tell. scatter() is one to one on the 45
 * bits in which addresses differ; its low bits are the place where an entry belongs. Of the lowest FIRST_BITS the entry keeps
 * seven: it stands less than REACH places further on, so these tell how far, and that tells the others. */
enum { ORDINAL_BITS = 29, ORDINALS = (1 << ORDINAL_BITS) - 1, ADDRESS_BITS = 48, FIRST_BITS = 17, REACH = 128 };
#define KEY_BITS (ADDRESS_BITS - 3)

HOT u64 scatter(const void *o) {
    u64 h = ((u64)o >> 3) * 0x9E3779B97F4A7C15ul & ((1ul << KEY_BITS) - 1);
    return h ^ h >> 23;
}

HOT u64 tag_of(u64 h) { return (h >> FIRST_BITS) << 7 | (h & (REACH - 1)); }

/* About to be looked up. */
HOT void soon(const void *o) { __builtin_prefetch(&S.slots[scatter(o) & S.mask]); }

HOT u32 find(const void *o) {
    u64 h = scatter(o), tag = tag_of(h);
    for (u32 d = 0; d < REACH; d++) {
        u64 slot = S.slots[(h + d) & S.mask];
        if (!slot) return NONE;
        if (slot >> ORDINAL_BITS == tag) return (u32)(slot & ORDINALS) - 1;
    }
    return NONE;
}

static int index_place(const void *o, u32 n) {
    u64 h = scatter(o);
    for (u32 d = 0; d < REACH; d++) {
        u64 *slot = &S.slots[(h + d) & S.mask];
        if (*slot) continue;
        *slot = tag_of(h) << ORDINAL_BITS | (n + 1);
        return 1;
    }
    return 0;
}

/* A table of at least so many places, for all nodes there are. */
static void index_make(u64 slots) {
    for (;; slots *= 2) {
        if (S.slots) unmap_memory(S.slots, (S.mask + 1) * 8);
        S.slots = 0;
        S.slots = map_memory(slots * 8);
        advise_huge(S.slots, slots * 8);
        S.mask = slots - 1;
        u32 n = 0;
        while (n < S.nodes && (!ADDR(n) || index_place(ADDR(n), n))) n++;
        if (n == S.nodes) return;
    }
}

static void index_add(const void *o, u32 n) {
    if ((u64)o >> ADDRESS_BITS) fail(75);
    if ((++S.indexed) * 3 > (S.mask + 1) * 2 || !index_place(o, n)) index_make((S.mask + 1) * 2); /* all, this one as well */
}

static u32 node_new(void *o) {
    u32 n = S.nodes;
    if (n >= 0x1C000000u) fail(75); /* positions in the file are 32 bits: EOVERFLOW */
    *(void **)column_add(&S.addr, 8) = o;
    *(struct node *)column_add(&S.node, sizeof(struct node)) = (struct node){NONE, 0, 0, 0, NONE};
    S.nodes++;
    if (o) index_add(o, n);
    return n;
}

/* Ordinal of an object, made when it has none yet; NONE when it is the agent's own. */
HOT u32 enter(void *o) {
    u32 n = find(o);
    if (n != NONE) return n;
    if (map_get(&S.own, (u64)o) != NONE) return NONE;
    return node_new(o);
}

HOT void edge_to(u32 type, u32 name, u32 to) {
    *(struct edge *)column_add(&S.edge, sizeof(struct edge)) = (struct edge){type << ORDINAL_BITS | to, name};
    S.e_count++;
}

HOT void link(u32 type, u32 name, void *o) {
    u32 n = enter(o);
    if (n != NONE) edge_to(type, name, n);
}
