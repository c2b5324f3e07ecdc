/* Recording: the stack of every block that is alive, as the number of a call. Part of sampler.c.
 *
 * A block's number stands in a shadow of the address space, four bytes for sixteen: nothing is searched, nothing is moved,
 * and what it takes is bound by the heap itself (a quarter of it). Pieces of it are made when a block there is first
 * recorded and stay until recording has ended, so a reader never meets a table that is being rebuilt.
 *
 * A block may pass from one object to the next without the allocator being asked (free lists of dict, list, tuple,
 * float...). From 3.13 on the interpreter tells of each object it makes, and the stack is noted again. */
enum { LEAF = 1 << 16, REGION = 4096, REGIONS = 1 << 15, LEAVES_MAPPED = 16 };

static u32 **regions[REGIONS]; /* by bits 32..46; below, by bits 20..31, leaves of 2^16 numbers */
static u32 *spare; /* of the last piece mapped */
static u64 spares, leaves, leaves_limit;

static volatile int recording;
static struct tree recorded;
static u64 record_depth, record_dropped;
static void *newest; /* the last block recorded: its object is about to be told of */

/* The stack of the last recording, outermost first: the next one mostly shares its beginning. */
static struct { struct step step; u32 call; } previous[MAX_DEPTH];
static u32 previous_count;
static int previous_cut;

HOT u32 *slot_at(u64 block) {
    if (block >> 47) return 0;
    u32 **region = __atomic_load_n(regions + (block >> 32), __ATOMIC_ACQUIRE);
    if (!region) return 0;
    u32 *leaf = __atomic_load_n(region + (block >> 20 & (REGION - 1)), __ATOMIC_ACQUIRE);
    return leaf ? leaf + (block >> 4 & (LEAF - 1)) : 0;
}

static __attribute__((noinline, cold)) u32 *slot_made(u64 block) {
    if (block >> 47) return 0;
    u32 **region = regions[block >> 32];
    if (!region) {
        region = room(REGION * sizeof *region);
        if (!region) return 0;
        __atomic_store_n(regions + (block >> 32), region, __ATOMIC_RELEASE);
    }
    u32 **leaf = region + (block >> 20 & (REGION - 1));
    if (!*leaf) {
        if (leaves >= leaves_limit) return 0;
        if (!spares) {
            spare = room(LEAVES_MAPPED * LEAF * 4ul);
            if (!spare) return 0;
            sys6(SYS_MADVISE, (long)spare, LEAVES_MAPPED * LEAF * 4l, 15, 0, 0, 0); /* no huge pages: only what is touched */
            spares = LEAVES_MAPPED;
        }
        __atomic_store_n(leaf, spare, __ATOMIC_RELEASE);
        spare += LEAF;
        spares--;
        leaves++;
    }
    return *leaf + (block >> 4 & (LEAF - 1));
}

/* Number of the running stack; 0 for the agent's own threads, NONE when there is no room. */
static u32 running_stack(void *state) {
    static struct step found[MAX_DEPTH]; /* under the lock of the main interpreter */
    void *last;
    int cut;
    u32 n = steps(state, found, (u32)record_depth, &last, &cut);
    if (!n) return call_of(&recorded, 0, 0, NO_PYTHON);
    if (last && last == (void *)O[O_OWN_CODE]) return 0;
    u32 same = 0;
    if (cut == previous_cut)
        while (same < n && same < previous_count && found[n - 1 - same].at == previous[same].step.at &&
               found[n - 1 - same].code == previous[same].step.code)
            same++;
    u32 call = same ? previous[same - 1].call : cut ? call_of(&recorded, 0, 0, DEEPER) : 0;
    previous_cut = cut;
    previous_count = same;
    for (u32 i = n - same; i-- > 0;) {
        u32 line = is_code(found[i].code) ? line_of(found + i) : NONE;
        if (line != NONE) {
            u32 inner = call_of(&recorded, call, found[i].code, line);
            if (inner == NONE) return NONE;
            call = inner;
        }
        previous[previous_count].step = found[i];
        previous[previous_count++].call = call;
    }
    return call ? call : call_of(&recorded, 0, 0, NO_PYTHON);
}

static __attribute__((noinline)) void record(void *block) {
    void *state = thread_state();
    if (!is_main(state)) return;
    newest = block;
    u32 call = running_stack(state), *slot = slot_at((u64)block);
    if (!slot && call && call != NONE) {
        slot = slot_made((u64)block);
        if (!slot) call = NONE;
    }
    if (call == NONE) record_dropped++, call = 0;
    if (slot) *slot = call;
}

HOT void unrecord(void *block) {
    u32 *slot = slot_at((u64)block);
    if (slot && *slot) *slot = 0;
}

/* Where an object's block begins: before it may stand the collector's header and, since 3.11, two more words. */
HOT void *block_of(void *object) {
    u64 flags = T_FLAGS(TYPE(object)), before = flags & FLAG_GC ? 16 : 0;
    if (O[O_VERSION] >= 312 ? flags & (FLAG_MANAGED_DICT | FLAG_MANAGED_WEAKREF) : O[O_VERSION] == 311 ? flags & FLAG_MANAGED_DICT : 0)
        before += 16;
    return (char *)object - before;
}

/* 3.13+: an object begins its life (0), in any interpreter. Ends are not told of reliably, and need not be. */
static int tell(void *object, int event, void *data) {
    (void)data;
    if (!recording || event) return 0;
    void *block = block_of(object);
    if (block != newest) record(block);
    newest = 0;
    return 0;
}

static int tells(void) {
    void *data;
    return PyRefTracer_GetTracer && PyRefTracer_GetTracer(&data) == tell;
}

/* Other interpreters with a lock of their own may be looking for a block of theirs right now: then the memory is given
 * back and the (empty) pieces stay for the next time. */
static void record_clear(void) {
    int alone = PyInterpreterState_Head && PyInterpreterState_Next && !PyInterpreterState_Next(PyInterpreterState_Head());
    tree_end(&recorded);
    previous_count = 0;
    newest = 0;
    for (u32 r = 0; r < REGIONS; r++) {
        u32 **region = regions[r];
        for (u32 i = 0; region && i < REGION; i++) {
            if (!region[i]) continue;
            if (alone) unroom(region[i], LEAF * 4);
            else sys6(SYS_MADVISE, (long)region[i], LEAF * 4l, 4, 0, 0, 0); /* not needed: zeros from now on */
        }
        if (!alone) continue;
        regions[r] = 0;
        unroom(region, REGION * sizeof *region);
    }
    if (!alone) return;
    unroom(spare, spares * LEAF * 4);
    spare = 0;
    spares = leaves = 0;
}
