/* The Python stack of the running thread, and stacks kept as trees of calls. Part of sampler.c. */
enum { MAX_DEPTH = 256, MAX_CALLS = 1 << 20, MAX_CODES = 1 << 18, LINES = 1 << 14 };

/* What sampling.py found out about this interpreter, in this order. */
enum { O_INTERPRETER, O_FRAME, O_HOP, O_CODE, O_BACK, O_INSTRUCTION, O_OWNER, O_LAST_OWNER, O_CODE_START,
       O_CODE_TYPE, O_OWN_CODE, O_LASTI, O_LASTI_UNIT, O_VERSION, OFFSETS };
static i64 O[OFFSETS];

static void *room(u64 size) {
    long at = sys6(SYS_MMAP, 0, (long)size, 3, 0x22, -1, 0);
    return at < 0 && at > -4096 ? 0 : (void *)at;
}
static void unroom(void *at, u64 size) {
    if (at) sys6(SYS_MUNMAP, (long)at, (long)size, 0, 0, 0, 0);
}

HOT u64 mix(u64 a) {
    a = (a >> 4) * 0x9E3779B97F4A7C15ul;
    return a ^ (a >> 29);
}

static void *thread_state(void) {
    return _PyThreadState_UncheckedGet ? _PyThreadState_UncheckedGet()
           : PyThreadState_GetUnchecked ? PyThreadState_GetUnchecked() : 0;
}

/* Of the main interpreter? prev, next, interp: 3.8 to 3.15. */
HOT int is_main(void *state) { return state && PTR(state, 16) == (void *)O[O_INTERPRETER]; }

static int is_code(void *code) { return code && TYPE(code) == (void *)O[O_CODE_TYPE]; }

/* Code objects that some tree speaks of; each is kept alive, once, until both trees are gone. */
static void **codes;
static u64 code_mask, code_count;

static void **code_place(void **table, u64 mask, void *code) {
    u64 i = mix((u64)code) & mask;
    while (table[i] && table[i] != code) i = (i + 1) & mask;
    return table + i;
}

/* 0 when there is no room, or the code object is dying: a destructor may run below it. */
static int hold(void *code) {
    if (!codes) {
        codes = room(4096 * sizeof *codes);
        if (!codes) return 0;
        code_mask = 4095;
    }
    void **place = code_place(codes, code_mask, code);
    if (*place) return 1;
    if (!U32(code, 0) || code_count >= MAX_CODES) return 0;
    if (code_count * 2 > code_mask) {
        u64 slots = (code_mask + 1) * 2;
        void **more = room(slots * sizeof *more);
        if (!more) return 0;
        for (u64 i = 0; i <= code_mask; i++)
            if (codes[i]) *code_place(more, slots - 1, codes[i]) = codes[i];
        unroom(codes, (code_mask + 1) * sizeof *codes);
        codes = more;
        code_mask = slots - 1;
        place = code_place(codes, code_mask, code);
    }
    *place = code;
    code_count++;
    Py_IncRef(code);
    return 1;
}

/* Line of an instruction: asked of the interpreter once, for code that is held. Where the instruction has none it is the
 * function's first. NONE: the code has no lines at all, a frame that the interpreter keeps for itself (3.13+, below an
 * inlined `__init__`). */
static struct { void *code; u64 at; u32 line; } lines[LINES];

static void let_go_of_codes(void) {
    void **old = codes;
    u64 slots = code_mask + 1;
    codes = 0;
    code_mask = code_count = 0;
    __builtin_memset(lines, 0, sizeof lines);
    if (!old) return;
    for (u64 i = 0; i < slots; i++)
        if (old[i]) Py_DecRef(old[i]);
    unroom(old, slots * sizeof *old);
}

/* Where a frame is: the code word may carry tags, `at` is the instruction as the interpreter keeps it. */
struct step { void *code; u64 at; };

HOT int step_of(void *frame, struct step *s) {
    if (O[O_OWNER] >= 0 && *((u8 *)frame + O[O_OWNER]) > O[O_LAST_OWNER]) return 0; /* of C, no Python runs in it */
    s->code = (void *)((u64)PTR(frame, O[O_CODE]) & ~3ul);
    s->at = O[O_INSTRUCTION] >= 0 ? (u64)PTR(frame, O[O_INSTRUCTION]) : (u64)U32(frame, O[O_LASTI]);
    return s->code != 0;
}

static u32 line_of(const struct step *s) {
    u64 i = mix(s->at << 4 ^ (u64)s->code) & (LINES - 1);
    if (lines[i].code == s->code && lines[i].at == s->at) return lines[i].line;
    i64 at = O[O_INSTRUCTION] >= 0 ? (i64)s->at - (i64)s->code - O[O_CODE_START] : (i64)(int)s->at * O[O_LASTI_UNIT];
    if (at < -2 || at > 0x7FFFFFFF) at = -1;
    int line = PyCode_Addr2Line(s->code, (int)at);
    for (int begin = 0; line < 0 && begin < 20; begin += 2)
        if (PyCode_Addr2Line(s->code, begin) > 0) line = PyCode_Addr2Line(s->code, -1);
    if (hold(s->code)) {
        lines[i].code = s->code;
        lines[i].at = s->at;
        lines[i].line = (u32)line;
    }
    return (u32)line;
}

HOT void *first_frame(void *state) {
    void *frame = PTR(state, O[O_FRAME]);
    return frame && O[O_HOP] >= 0 ? PTR(frame, O[O_HOP]) : frame;
}

/* The stack, innermost first, not yet told apart from what is no code. Returns the number of steps; `last` is the
 * outermost function's code when the whole stack was seen, else null; `cut`: there are more than `limit`. */
static u32 steps(void *state, struct step *found, u32 limit, void **last, int *cut) {
    u32 n = 0, seen = 0, end;
    struct step s;
    void *frame = first_frame(state);
    *last = 0;
    *cut = 0;
    for (; frame && n < limit && seen < 4096; frame = PTR(frame, O[O_BACK]), seen++)
        if (step_of(frame, found + n)) n++;
    for (end = seen + 64; frame && seen < end; frame = PTR(frame, O[O_BACK]), seen++)
        if (step_of(frame, &s) && is_code(s.code)) *last = s.code, *cut = 1;
    if (frame) *last = 0, *cut = 1; /* deep: not worth going on to the bottom */
    else
        for (u32 i = n; i-- > 0 && !*last;)
            if (is_code(found[i].code)) *last = found[i].code;
    return n;
}

/* Calls: a caller always stands before those it calls. Number 0 is the root of all. A call without code is a title:
 * line 1, outer frames are left out; line 2, no Python code runs. heapwalk's sites.h reads the same struct. */
enum { DEEPER = 1, NO_PYTHON = 2 };
struct call { void *code; u32 parent, line; };
struct tree {
    struct call *calls;
    u32 *slots; /* open addressing: number + 1 */
    u64 room, mask, count;
};

static u64 call_hash(u32 parent, void *code, u32 line) {
    return mix((u64)code ^ (u64)parent * 0x9E3779B1ul << 20 ^ (u64)line << 4);
}

static int tree_begin(struct tree *t) {
    t->room = 4096;
    t->mask = t->room * 2 - 1;
    t->calls = room(t->room * sizeof *t->calls);
    t->slots = room((t->mask + 1) * 4);
    t->count = 1;
    return t->calls && t->slots;
}

static void tree_end(struct tree *t) {
    unroom(t->calls, t->room * sizeof *t->calls);
    unroom(t->slots, (t->mask + 1) * 4);
    __builtin_memset(t, 0, sizeof *t);
}

static int tree_grow(struct tree *t) {
    u64 rooms = t->room * 2;
    struct call *calls = room(rooms * sizeof *calls);
    u32 *slots = room(rooms * 2 * 4);
    if (!calls || !slots) {
        unroom(calls, rooms * sizeof *calls);
        unroom(slots, rooms * 2 * 4);
        return 0;
    }
    copy(calls, t->calls, t->count * sizeof *calls);
    u64 count = t->count;
    tree_end(t);
    *t = (struct tree){.calls = calls, .slots = slots, .room = rooms, .mask = rooms * 2 - 1, .count = count};
    for (u32 n = 1; n < count; n++) {
        u64 at = call_hash(calls[n].parent, calls[n].code, calls[n].line) & t->mask;
        while (slots[at]) at = (at + 1) & t->mask;
        slots[at] = n + 1;
    }
    return 1;
}

/* Number of a call, made when it is new; NONE when there is no room. */
static u32 call_of(struct tree *t, u32 parent, void *code, u32 line) {
    for (;;) {
        u64 i = call_hash(parent, code, line) & t->mask;
        for (; t->slots[i]; i = (i + 1) & t->mask) {
            const struct call *c = t->calls + t->slots[i] - 1;
            if (c->parent == parent && c->code == code && c->line == line) return t->slots[i] - 1;
        }
        if (t->count < t->room) {
            if (code && !hold(code)) return NONE;
            t->calls[t->count] = (struct call){.code = code, .parent = parent, .line = line};
            t->slots[i] = (u32)++t->count;
            return (u32)t->count - 1;
        }
        if (t->count >= MAX_CALLS || !tree_grow(t)) return NONE;
    }
}
