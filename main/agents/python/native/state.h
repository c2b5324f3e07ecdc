/* What Python hands over, and the graph of one run. */
enum { G_LAYOUT, G_TYPES, G_STRINGS, G_FIRST, G_SYNTHETIC, G_EDGES, G_COUNTS, G_FRAMES, G_MARKS, G_SEEDS,
       G_HELD, G_GRANULES, G_HEAD, G_MIDDLE, G_TAIL, G_FILE, G_PIPE, G_PROBES, G_WITNESS, G_START, G_ESTIMATE,
       G_KEEP, G_SIZED, G_PLACES, GIVEN };
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
enum { STRIDE = 9, PREVIEW = 100 };
#define FOLDED 0xFFFFFFFEu

struct pending { u64 edge; void *referent; };

static struct {
    /* nodes, by ordinal: the synthetic ones first */
    struct column addr, name, size, edges, refs, plan;
    u32 nodes, synthetic, done;
    u32 *slots; /* open addressing: ordinal + 1 */
    u64 mask, indexed;
    /* edges */
    struct column e_to, e_name, e_type;
    u64 e_count;
    /* strings: escaped text with quotes, and where each begins */
    struct column text, text_at;
    u32 strings;
    u32 *text_slots;
    u64 text_mask;
    struct map own, types, folded;
    struct column plans, slot_list, pending, refs_seen, content, held_edges, garbage_edges, interned_edges;
    struct map count; /* of the references of one object, when there are many */
    u8 is_virtual, in_copy;
    volatile int cancelled;
    u64 bytes, total;
    double began, last_tick, pause, walk_ms, cpu_began, cpu;
} S;

static void drop_all(void) {
    struct column *all[] = {&S.addr, &S.name, &S.size, &S.edges, &S.refs, &S.plan, &S.e_to, &S.e_name, &S.e_type,
                            &S.text, &S.text_at, &S.plans, &S.slot_list, &S.pending, &S.refs_seen, &S.content,
                            &S.held_edges, &S.garbage_edges, &S.interned_edges};
    for (u32 i = 0; i < sizeof all / sizeof *all; i++) column_drop(all[i]);
    unmap_memory(S.slots, (S.mask + 1) * 4);
    unmap_memory(S.text_slots, (S.text_mask + 1) * 4);
    struct map *maps[] = {&S.own, &S.types, &S.folded, &S.count};
    for (u32 i = 0; i < 4; i++)
        if (maps[i]->keys) map_drop(maps[i]);
    __builtin_memset(&S, 0, sizeof S);
}

#define NODE(column, n) (((u32 *)S.column.at)[n])
#define ADDR(n) (((void **)S.addr.at)[n])

HOT u32 find(const void *o) {
    for (u64 i = mix((u64)o) & S.mask;; i = (i + 1) & S.mask) {
        u32 n = S.slots[i];
        if (!n) return NONE;
        if (ADDR(n - 1) == o) return n - 1;
    }
}

static void index_grow(void) {
    u64 slots = S.slots ? (S.mask + 1) * 2 : 1 << 16;
    u32 *old = S.slots;
    u64 old_size = (S.mask + 1) * 4;
    S.slots = map_memory(slots * 4);
    S.mask = slots - 1;
    for (u32 n = 0; n < S.nodes; n++) {
        if (!ADDR(n)) continue;
        u64 i = mix((u64)ADDR(n)) & S.mask;
        while (S.slots[i]) i = (i + 1) & S.mask;
        S.slots[i] = n + 1;
    }
    if (old) unmap_memory(old, old_size);
}

static u32 node_new(void *o) {
    u32 n = S.nodes;
    if (n >= 0x1C000000u) fail(75); /* positions in the file are 32 bits: EOVERFLOW */
    *(void **)column_add(&S.addr, 8) = o;
    *(u32 *)column_add(&S.name, 4) = NONE;
    *(u32 *)column_add(&S.size, 4) = 0;
    *(u32 *)column_add(&S.edges, 4) = 0;
    *(u32 *)column_add(&S.refs, 4) = 0;
    *(u32 *)column_add(&S.plan, 4) = NONE;
    S.nodes++;
    if (o) {
        if ((++S.indexed) * 2 > S.mask) index_grow(); /* enters all, this one as well */
        else {
            u64 i = mix((u64)o) & S.mask;
            while (S.slots[i]) i = (i + 1) & S.mask;
            S.slots[i] = n + 1;
        }
    }
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
    *(u32 *)column_add(&S.e_to, 4) = to;
    *(u32 *)column_add(&S.e_name, 4) = name;
    *(u8 *)column_add(&S.e_type, 1) = (u8)type;
    S.e_count++;
}

HOT void link(u32 type, u32 name, void *o) {
    u32 n = enter(o);
    if (n != NONE) edge_to(type, name, n);
}
