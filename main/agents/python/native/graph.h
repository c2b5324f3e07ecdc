/* The whole graph: roots, everything reachable, what is left over. */
static void load_given(void) {
    const char *text = given[G_STRINGS].at; /* escaped strings with their quotes, each ended by a zero */
    for (i64 i = 0; i < given[G_STRINGS].n; i++) {
        u32 n = 0;
        while (text[n]) n++;
        intern(text, n);
        text += n + 1;
    }
    forget_seen();
    S.synthetic = (u32)given[G_SYNTHETIC].n;
    u64 slots = 1ul << FIRST_BITS;
    while (slots < (u64)given[G_ESTIMATE].n) slots *= 2; /* grows where that was too few */
    index_make(slots);
    for (u32 i = 0; i < S.synthetic; i++) node_new(0);
    u64 *pair = given[G_FRAMES].at;
    for (i64 i = 0; i < given[G_FRAMES].n; i++, pair += 2) {
        ADDR(pair[1]) = (void *)pair[0];
        index_add((void *)pair[0], (u32)pair[1]);
    }
    u64 *marks = given[G_MARKS].at;
    for (i64 i = 0; i < given[G_MARKS].n; i++) *map_place(&S.own, marks[i]) = 1;
    sid_class = fixed("__class__");
    sid_dict = fixed("__dict__");
    sid_key = fixed("(key)");
    sid_referent = fixed("referent");
    sid_callback = fixed("__callback__");
    sid_mro = fixed("__mro__");
    sid_bases = fixed("__bases__");
    sid_base = fixed("__base__");
    sid_self = fixed("__self__");
    sid_cell = fixed("cell_contents");
    sid_dtype = fixed("dtype");
    sid_array_base = fixed("base");
    static const char *gen[] = {"gi_code", "gi_frame", "cr_code", "cr_frame", "ag_code", "ag_frame"};
    static const char *frame[] = {"f_code", "f_globals", "f_builtins", "f_back"};
    for (u32 i = 0; i < 6; i++) sid_gen[i] = fixed(gen[i]);
    for (u32 i = 0; i < 4; i++) sid_frame[i] = fixed(frame[i]);
    for (u32 i = 0; i < FUNCTION_FIELDS; i++) function_fields[i].sid = fixed(function_fields[i].name);
    void **first = given[G_FIRST].at;
    for (i64 i = 0; i < given[G_FIRST].n; i++) node_new(first[i]);
    S.done = S.synthetic;
}

static void process(u32 n) {
    void *o = ADDR(n), *t = TYPE(o);
    u32 number = map_get(&S.types, (u64)t);
    if (number == NONE) number = plan_for(t);
    const struct plan *p = (struct plan *)S.plans.at + number;
    i64 refs = REFS(o);
    u32 size = size_of(p, o);
    u64 before = S.e_count;
    edges_of(p, o, n); /* may move the nodes, and the plans */
    p = (struct plan *)S.plans.at + number;
    if (NODE(name, n) == NONE) {
        u32 name = name_of(p, o);
        NODE(name, n) = name;
    }
    struct node *node = &((struct node *)S.node.at)[n];
    node->refs = refs >= IMMORTAL || refs < 0 ? (u32)IMMORTAL : (u32)refs;
    node->size = size;
    node->edges = (u32)(S.e_count - before);
    node->plan = number;
}

/* Nodes further on in the queue: their objects lie all over memory, and come while others are worked on. */
enum { FAR = 16, NEAR = 8 };

HOT void fetch_ahead(void) {
    if (S.done + FAR >= S.nodes) return;
    char *o = ADDR(S.done + FAR);
    __builtin_prefetch(o);
    __builtin_prefetch(o + 48);
    o = ADDR(S.done + NEAR);
    if (TYPE(o) == K[K_LIST]) __builtin_prefetch(PTR(o, 24));
    else if (TYPE(o) == K[K_DICT]) __builtin_prefetch(PTR(o, 32));
}

static void run(u64 estimate) {
    while (S.done < S.nodes) {
        fetch_ahead();
        process(S.done++);
        if (!(S.done & 8191)) tick(S.done, 2 * (S.nodes > estimate ? S.nodes : estimate));
    }
}

/* Everything the agent's own objects lead to and the program's do not becomes the agent's. */
static void swallow(void) {
    struct map visited = {0, 0, 0, 0};
    struct column stack = {0, 0, 0};
    u64 *seeds = given[G_SEEDS].at;
    for (i64 i = 0; i < given[G_SEEDS].n; i++)
        if (find((void *)seeds[i]) == NONE && map_get(&visited, seeds[i]) == NONE) {
            *map_place(&visited, seeds[i]) = 1;
            *(u64 *)column_add(&stack, 8) = seeds[i];
        }
    while (stack.used) {
        stack.used -= 8;
        void *o = *(void **)(stack.at + stack.used), *t = TYPE(o);
        if (t == K[K_FRAME]) continue;
        gather(o);
        if (t == K[K_CODE]) { /* tells the collector nothing */
            void *mro = T_MRO(t);
            (void)mro;
            char *m = T_MEMBERS(t);
            for (; m && PTR(m, 0); m += 40)
                if ((*(int *)(m + 8) == 6 || *(int *)(m + 8) == 16) && PTR(o, I64(m, 16))) see(PTR(o, I64(m, 16)), &S.refs_seen);
        }
        u64 n = S.refs_seen.used / 8;
        for (u64 i = 0; i < n; i++) {
            void *child = SEEN[i];
            if (find(child) != NONE || map_get(&visited, (u64)child) != NONE) continue;
            *map_place(&visited, (u64)child) = 1;
            *(void **)column_add(&stack, 8) = child;
        }
    }
    if (visited.keys) {
        for (u64 i = 0; i <= visited.mask; i++)
            if (visited.keys[i]) *map_place(&S.own, visited.keys[i]) = 1;
        map_drop(&visited);
    }
    column_drop(&stack);
}

static void spread(u8 *reached, const u64 *starts, u32 first, u32 from, struct column *stack) {
    stack->used = 0;
    *(u32 *)column_add(stack, 4) = from;
    reached[from] = 1;
    while (stack->used) {
        stack->used -= 4;
        u32 at = *(u32 *)(stack->at + stack->used);
        for (u64 e = starts[at]; e < starts[at + 1]; e++) {
            u32 to = EDGE_TO(e);
            if (to < first || EDGE_TYPE(e) == E_WEAK || reached[to - first]) continue;
            reached[to - first] = 1;
            *(u32 *)column_add(stack, 4) = to - first;
        }
    }
}

static void collect_unreached(void *o) {
    if (find(o) == NONE && map_get(&S.own, (u64)o) == NONE) node_new(o);
}

/* A ring of the collector: heads of 16 bytes before each object. The low bits are flags. */
static void ring(u64 head, void (*each)(void *)) {
    u64 at = *(u64 *)head & ~3ul;
    while (at && at != head) {
        each((void *)(at + 16));
        at = *(u64 *)at & ~3ul;
    }
}

static void residue(u64 estimate) {
    u32 first = S.nodes;
    u64 first_edge = S.e_count;
    S.is_virtual = 0;
    if (given[G_START].n) {
        void **start = given[G_START].at;
        for (i64 i = 0; i < given[G_START].n; i++) collect_unreached(start[i]);
    } else {
        for (int i = 0; i < 3; i++) ring((u64)L[L_GC_HEADS] + 24 * (u64)i, collect_unreached);
        if (L[L_GC_FROZEN] >= 0) ring((u64)L[L_GC_HEADS] + (u64)L[L_GC_FROZEN], collect_unreached);
    }
    u32 heads = S.nodes - first;
    run(estimate);
    u64 pending = S.pending.used / sizeof(struct pending);
    for (u64 i = 0; i < pending; i++) { /* a live referent nothing we know of holds: C code must */
        void *o = ((struct pending *)S.pending.at)[i].referent;
        if (find(o) != NONE || map_get(&S.own, (u64)o) != NONE) continue;
        *(u32 *)column_add(&S.held_edges, 4) = node_new(o);
    }
    run(estimate);
    pending = S.pending.used / sizeof(struct pending);
    for (u64 i = 0; i < pending; i++) {
        struct pending *p = (struct pending *)S.pending.at + i;
        u32 n = find(p->referent);
        EDGE(p->edge).to = (u32)E_WEAK << ORDINAL_BITS | (n == NONE ? 0 : n);
    }
    u64 *held = given[G_HELD].at;
    for (i64 i = 0; i < given[G_HELD].n; i++, held += 2) {
        u32 n = find((void *)held[0]);
        if (n == NONE || n < S.synthetic || NODE(refs, n) >= (u32)IMMORTAL) continue;
        NODE(refs, n) = NODE(refs, n) > held[1] ? NODE(refs, n) - (u32)held[1] : 1;
    }
    u32 count = S.nodes - first;
    if (!count) return;
    u32 *incoming = map_memory(count * 4ul);
    u64 *starts = map_memory((count + 1) * 8ul);
    u8 *reached = map_memory(count);
    struct column stack = {0, 0, 0}, lost = S.held_edges;
    S.held_edges = (struct column){0, 0, 0};
    u64 at = first_edge;
    for (u32 i = 0; i < count; i++) {
        starts[i] = at;
        at += NODE(edges, first + i);
    }
    starts[count] = at;
    for (u64 e = first_edge; e < S.e_count; e++) {
        u32 to = EDGE_TO(e);
        if (to >= first && EDGE_TYPE(e) != E_WEAK) incoming[to - first]++;
    }
    for (u32 i = 0; i < heads; i++) {
        u32 refs = NODE(refs, first + i);
        if (refs < (u32)IMMORTAL && refs <= incoming[i]) continue;
        *(u32 *)column_add(&S.held_edges, 4) = first + i;
        if (!reached[i]) spread(reached, starts, first, i, &stack);
    }
    for (u64 i = 0; i < lost.used / 4; i++) {
        u32 n = ((u32 *)lost.at)[i];
        *(u32 *)column_add(&S.held_edges, 4) = n;
        if (!reached[n - first]) spread(reached, starts, first, n - first, &stack);
    }
    for (u32 i = 0; i < heads; i++)
        if (!reached[i]) {
            *(u32 *)column_add(&S.garbage_edges, 4) = first + i;
            spread(reached, starts, first, i, &stack);
        }
    unmap_memory(incoming, count * 4ul);
    unmap_memory(starts, (count + 1) * 8ul);
    unmap_memory(reached, count);
    column_drop(&stack);
    column_drop(&lost);
}

/* The table of interned strings. It does not count its references, so it hides no edge: its strings
 * hang on whoever uses them, and only those nobody else was seen to use hang on its root. */
static void *interned_table(void) {
    void *d = L[L_INTERNED] > 0 ? PTR(L[L_INTERNED], 0) : 0;
    return d && TYPE(d) == K[K_DICT] ? d : 0;
}

static void interned(u64 estimate) {
    void *d = interned_table(), *key, *value;
    if (!d) return;
    u32 n = find(d);
    if (n == NONE || n < S.synthetic) return;
    *(u32 *)column_add(&S.interned_edges, 4) = n;
    for (i64 at = 0; PyDict_Next(d, &at, &key, &value);)
        if (find(key) == NONE && map_get(&S.own, (u64)key) == NONE) *(u32 *)column_add(&S.interned_edges, 4) = node_new(key);
    run(estimate);
}

static void walk(void) {
    u64 estimate = (u64)given[G_ESTIMATE].n;
    S.is_virtual = 1;
    load_given();
    run(estimate);
    swallow();
    void *d = interned_table();
    if (d && find(d) == NONE && map_get(&S.own, (u64)d) == NONE) NODE(plan, node_new(d)) = FOLDED; /* no edges of its own */
    residue(estimate);
    interned(estimate);
    find_sites();
}
