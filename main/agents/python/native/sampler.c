/* Allocation sampler of the Python agent: which lines allocated what is still alive, at a few
 * percent of the program's time.
 *
 * Stands in front of the interpreter's allocators (domains MEM and OBJ) and hands every call on
 * unchanged: same sizes, same addresses, no header of its own. Each allocation takes its bytes off
 * a countdown; where that falls below zero (a Poisson process over bytes) the Python stack is
 * noted beside the address, and taken out when the address is freed.
 *
 * Why this is sound:
 * - Both domains need the interpreter's lock; installing and removing swaps five pointers of each
 *   while holding it, so no thread of this interpreter is inside. Domain RAW, which threads use
 *   without the lock, is never touched.
 * - What was allocated before, or is freed after, only lacks an entry in the table here: the block
 *   itself belongs to the allocator behind, with or without us.
 * - Another tool may have put itself in front of us meanwhile (tracemalloc does): then we stay in
 *   the chain and only pass on. For that reason this library is never unloaded once it has been
 *   installed; starting again uses the same one.
 * - Another tool that removes itself may remove us too: hs_counts tells, nothing is put back.
 * - Nothing is allocated inside except with mmap; code objects of noted frames are kept alive until
 *   hs_clear. Lines come from the interpreter itself. No code of the program runs.
 * - Interpreters with a lock of their own (3.12+) come through the same pointers: they are passed
 *   on unsampled, and the tables are behind a lock that is given up rather than waited for. */
#include "system.h"

typedef double f64;
enum { ABI = 1, MAX_DEPTH = 256, MAX_NODES = 1 << 20, MAX_LIVE = 1 << 21, FILTER = 1 << 16, PATIENCE = 20000 };

extern void *_PyThreadState_UncheckedGet(void) WEAK;
extern void *PyThreadState_GetUnchecked(void) WEAK;
extern void PyMem_GetAllocator(int, void *) WEAK;
extern int PyFrame_GetLineNumber(void *) WEAK;
extern int PyCode_Addr2Line(void *, int) WEAK;
extern void Py_IncRef(void *) WEAK;
extern void *PyMem_Malloc(u64) WEAK;
extern void *PyObject_Malloc(u64) WEAK;
extern void PyObject_Free(void *) WEAK;

/* What sampler.py found out about this interpreter, in this order. */
enum { O_INTERPRETER, O_FRAME, O_HOP, O_CODE, O_BACK, O_INSTRUCTION, O_OWNER, O_LAST_OWNER, O_CODE_START,
       O_CODE_TYPE, O_OWN_CODE, OFFSETS };
static i64 O[OFFSETS];

struct allocator {
    void *ctx;
    void *(*malloc)(void *, u64);
    void *(*calloc)(void *, u64, u64);
    void *(*realloc)(void *, void *, u64);
    void (*free)(void *, void *);
};
static struct allocator behind[3]; /* by domain; 0 stays empty */

struct node { u32 parent, line; void *code; f64 bytes, count, total_bytes, total_count; };
struct entry { u64 at; u32 node, unused; u64 ordinal, size; f64 count; };

static struct node *nodes;
static u64 node_room, node_count;
static u32 *node_slots;
static u64 node_mask;
static struct entry *entries;
static u64 entry_mask, entry_count;
static u8 filter[FILTER]; /* how many entries fall on it; 255: at least so many */

static volatile int active;
static int installed;
static i64 left; /* bytes until the next sample */
static u64 interval, depth_limit, ordinal, dropped, seed;
static f64 allocated; /* bytes the samples stand for, since the start */
static volatile int lock;

static int take_lock(void) {
    for (int i = 0; i < PATIENCE; i++)
        if (!__atomic_exchange_n(&lock, 1, __ATOMIC_ACQUIRE)) return 1;
    return 0;
}
static void give_lock(void) { __atomic_store_n(&lock, 0, __ATOMIC_RELEASE); }

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
#define FILTER_AT(p) (filter[((u64)(p) >> 4) * 0x9E3779B97F4A7C15ul >> 48])

/* exp(-x) for x >= 0, to 1e-9: the series at x / 2^k, squared k times. */
static f64 exp_minus(f64 x) {
    if (x > 40) return 0;
    int k = 0;
    while (x > 0.01) x /= 2, k++;
    f64 e = 1 - x * (1 - x / 2 * (1 - x / 3 * (1 - x / 4)));
    while (k--) e *= e;
    return e;
}

/* -ln(u), u uniform in (0, 1]: 2 atanh((m-1)/(m+1)) of the mantissa and the exponent. */
static f64 exponential(void) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    union { f64 d; u64 u; } v = {.d = (f64)((seed >> 11) + 1) * 0x1p-53};
    int power = (int)(v.u >> 52) - 1023;
    v.u = (v.u & 0xFFFFFFFFFFFFFul) | 1023ul << 52;
    f64 t = (v.d - 1) / (v.d + 1), q = t * t, sum = 0;
    for (int n = 19; n > 0; n -= 2) sum = sum * q + 1.0 / n;
    return -(2 * t * sum + power * 0.6931471805599453);
}

static i64 next_gap(void) {
    f64 gap = exponential() * (f64)interval;
    return gap > 1e15 ? (i64)1e15 : (i64)gap;
}

/* The stack: code and line of each frame, innermost first. */
struct place { void *code; u32 line; };

static int is_code(void *code) { return code && TYPE(code) == (void *)O[O_CODE_TYPE]; }

static void *thread_state(void) {
    return _PyThreadState_UncheckedGet ? _PyThreadState_UncheckedGet()
           : PyThreadState_GetUnchecked ? PyThreadState_GetUnchecked() : 0;
}

/* Number of frames; `last` is the outermost one's code when the whole stack was seen, else null. */
static u32 stack(void *state, struct place *found, u32 limit, void **last) {
    u32 n = 0, seen = 0;
    *last = 0;
    void *frame = PTR(state, O[O_FRAME]);
    if (frame && O[O_HOP] >= 0) frame = PTR(frame, O[O_HOP]);
    for (; frame; frame = PTR(frame, O[O_BACK])) {
        if (++seen > 4096) {
            *last = 0;
            break;
        }
        if (O[O_OWNER] >= 0 && *((u8 *)frame + O[O_OWNER]) > O[O_LAST_OWNER]) continue; /* of C, no Python runs in it */
        void *code = (void *)((u64)PTR(frame, O[O_CODE]) & ~3ul);
        if (!is_code(code)) continue;
        *last = code;
        if (n == limit) {
            if (seen > limit + 64) {
                *last = 0;
                break; /* deep: not worth going on to the bottom */
            }
            continue;
        }
        int line = 0;
        if (O[O_INSTRUCTION] < 0) line = PyFrame_GetLineNumber(frame);
        else {
            i64 at = (i64)PTR(frame, O[O_INSTRUCTION]) - (i64)code - O[O_CODE_START];
            if (at < -2 || at > 0x7FFFFFF) at = -1;
            line = PyCode_Addr2Line(code, (int)at);
        }
        found[n].code = code;
        found[n].line = line > 0 ? (u32)line : 0;
        n++;
    }
    return n;
}

static u64 node_hash(u32 parent, void *code, u32 line) {
    return mix((u64)code ^ (u64)parent * 0x9E3779B1ul << 20 ^ (u64)line << 4);
}

/* NONE when there is no room. */
static u32 node_of(u32 parent, void *code, u32 line) {
    u64 i = node_hash(parent, code, line) & node_mask;
    for (; node_slots[i]; i = (i + 1) & node_mask) {
        struct node *n = nodes + node_slots[i] - 1;
        if (n->parent == parent && n->code == code && n->line == line) return node_slots[i] - 1;
    }
    if (node_count >= MAX_NODES) return NONE;
    if (node_count == node_room) {
        struct node *more = room(node_room * 2 * sizeof *nodes);
        u32 *slots = room(node_room * 4 * 4);
        if (!more || !slots) {
            unroom(more, node_room * 2 * sizeof *nodes);
            unroom(slots, node_room * 4 * 4);
            return NONE;
        }
        copy(more, nodes, node_count * sizeof *nodes);
        unroom(nodes, node_room * sizeof *nodes);
        unroom(node_slots, (node_mask + 1) * 4);
        nodes = more;
        node_room *= 2;
        node_slots = slots;
        node_mask = node_room * 2 - 1;
        for (u32 n = 1; n < node_count; n++) {
            u64 at = node_hash(nodes[n].parent, nodes[n].code, nodes[n].line) & node_mask;
            while (node_slots[at]) at = (at + 1) & node_mask;
            node_slots[at] = n + 1;
        }
        i = node_hash(parent, code, line) & node_mask;
        while (node_slots[i]) i = (i + 1) & node_mask;
    }
    struct node *made = nodes + node_count;
    made->parent = parent;
    made->line = line;
    made->code = code;
    if (code) Py_IncRef(code);
    node_slots[i] = (u32)++node_count;
    return (u32)node_count - 1;
}

static struct entry *entry_place(u64 at) {
    u64 i = mix(at) & entry_mask;
    while (entries[i].at && entries[i].at != at) i = (i + 1) & entry_mask;
    return entries + i;
}

static int entries_grow(void) {
    u64 slots = (entry_mask + 1) * 2, old_mask = entry_mask;
    if (slots > MAX_LIVE * 2ul) return 0;
    struct entry *old = entries, *more = room(slots * sizeof *entries);
    if (!more) return 0;
    entries = more;
    entry_mask = slots - 1;
    for (u64 i = 0; i <= old_mask; i++)
        if (old[i].at) *entry_place(old[i].at) = old[i];
    unroom(old, (old_mask + 1) * sizeof *old);
    return 1;
}

static void forget_entry(struct entry *e) {
    struct node *n = nodes + e->node;
    n->bytes -= e->count * (f64)e->size;
    n->count -= e->count;
    u8 *f = &FILTER_AT(e->at);
    if (*f != 255) --*f;
    entry_count--;
    /* what follows moves up, so that no chain has a hole */
    u64 hole = (u64)(e - entries), i = hole;
    for (;;) {
        i = (i + 1) & entry_mask;
        if (!entries[i].at) break;
        u64 home = mix(entries[i].at) & entry_mask;
        if (((i - home) & entry_mask) >= ((i - hole) & entry_mask)) {
            entries[hole] = entries[i];
            hole = i;
        }
    }
    entries[hole].at = 0;
}

static __attribute__((noinline, cold)) void freed(void *at) {
    if (!take_lock()) return;
    if (entries) {
        struct entry *e = entry_place((u64)at);
        if (e->at) forget_entry(e);
    }
    give_lock();
}

static __attribute__((noinline, cold)) void sample(void *at, u64 size) {
    static struct place found[MAX_DEPTH]; /* under the lock of the main interpreter */
    left = next_gap();
    if (!active) {
        left = 1l << 60;
        return;
    }
    void *state = thread_state(), *last = 0;
    if (state && PTR(state, 16) != (void *)O[O_INTERPRETER]) return; /* prev, next, interp: 3.8 to 3.15 */
    if (!take_lock()) {
        dropped++;
        return;
    }
    u32 n = state ? stack(state, found, (u32)depth_limit, &last) : 0;
    if (last && last == (void *)O[O_OWN_CODE]) goto done; /* a thread of the agent */
    u32 node = 0;
    if (n == depth_limit) node = node_of(0, 0, 1); /* the outer frames are left out */
    if (!n) node = node_of(0, 0, 2); /* no Python code runs */
    while (n && node != NONE) {
        n--;
        node = node_of(node, found[n].code, found[n].line);
    }
    if (node == NONE || (entry_count * 2 > entry_mask && !entries_grow())) {
        dropped++;
        goto done;
    }
    struct entry *e = entry_place((u64)at);
    if (e->at) { /* a free that was missed */
        forget_entry(e);
        e = entry_place((u64)at);
    }
    f64 count = 1 / (1 - exp_minus((f64)size / (f64)interval));
    *e = (struct entry){.at = (u64)at, .node = node, .ordinal = ++ordinal, .size = size, .count = count};
    entry_count++;
    u8 *f = &FILTER_AT(at);
    if (*f != 255) ++*f;
    struct node *p = nodes + node;
    p->bytes += count * (f64)size;
    p->count += count;
    p->total_bytes += count * (f64)size;
    p->total_count += count;
    allocated += count * (f64)size;
done:
    give_lock();
}

HOT void *noted(void *at, u64 size) {
    if (__builtin_expect(at != 0, 1)) {
        if (!size) size = 1;
        if (__builtin_expect((left -= (i64)size) < 0, 0)) sample(at, size);
    }
    return at;
}

#define SEEN(p) __builtin_expect(FILTER_AT(p) != 0, 0)

#define DOMAIN(d) \
    static void *malloc_##d(void *ctx, u64 n) { return noted(behind[d].malloc(ctx, n), n); } \
    static void *calloc_##d(void *ctx, u64 n, u64 size) { return noted(behind[d].calloc(ctx, n, size), n * size); } \
    static void *realloc_##d(void *ctx, void *p, u64 n) { \
        void *at = behind[d].realloc(ctx, p, n); \
        if (at && p && SEEN(p)) freed(p); \
        return noted(at, n); \
    } \
    static void free_##d(void *ctx, void *p) { \
        if (SEEN(p)) freed(p); \
        behind[d].free(ctx, p); \
    }
DOMAIN(1)
DOMAIN(2)

static struct allocator ours(int domain) {
    struct allocator a = {behind[domain].ctx, malloc_1, calloc_1, realloc_1, free_1};
    if (domain == 2) a = (struct allocator){behind[domain].ctx, malloc_2, calloc_2, realloc_2, free_2};
    return a;
}

static int is_ours(int domain) {
    struct allocator now;
    PyMem_GetAllocator(domain, &now);
    return now.free == (domain == 1 ? free_1 : free_2);
}

/* Whether an allocation reaches us, directly or through a tool in front of us. */
static int in_chain(int domain) {
    i64 before = left;
    void *at = domain == 1 ? PyMem_Malloc(64) : PyObject_Malloc(64);
    int reached = left != before;
    if (domain == 1) PyMem_Free(at);
    else PyObject_Free(at);
    return reached;
}

EXPORT int hs_abi(void) { return ABI; }

/* 0 when everything that is called exists. */
EXPORT int hs_setup(const i64 *offsets) {
    if (!PyMem_GetAllocator || !PyMem_SetAllocator || !Py_IncRef || !Py_DecRef || !PyMem_Malloc ||
        !PyMem_Free || !PyObject_Malloc || !PyObject_Free)
        return 1;
    if (!_PyThreadState_UncheckedGet && !PyThreadState_GetUnchecked) return 2;
    if (!PyCode_Addr2Line || !PyFrame_GetLineNumber) return 3;
    if (active) return 4;
    for (int i = 0; i < OFFSETS; i++) O[i] = offsets[i];
    return 0;
}

/* The caller's thread state, where sampling.py looks for the running frame: its address, its first 24 words, and two
 * words of its C frame, whose place is given (3.11 and 3.12) or 0. */
EXPORT void hs_thread(u64 *to) {
    u64 *state = thread_state(), at = to[0];
    to[0] = (u64)state;
    if (!state) return;
    for (int i = 0; i < 24; i++) to[1 + i] = state[i];
    if (at) copy(to + 25, PTR(state, at), 16);
}

/* The caller's stack as pairs (code, line), for the check of the offsets. */
EXPORT long hs_probe(u64 *found) {
    struct place places[16];
    void *last, *state = thread_state();
    u32 n = state && PTR(state, 16) == (void *)O[O_INTERPRETER] ? stack(state, places, 16, &last) : 0;
    for (u32 i = 0; i < n; i++) {
        found[2 * i] = (u64)places[i].code;
        found[2 * i + 1] = places[i].line;
    }
    return n;
}

EXPORT long hs_start(const u64 *options) {
    if (active) return 16; /* EBUSY */
    interval = options[0] < 1 ? 1 : options[0];
    depth_limit = options[1] < 1 ? 1 : options[1] > MAX_DEPTH ? MAX_DEPTH : options[1];
    seed = (options[2] ^ (u64)(now_ms() * 1e6) ^ (u64)(cpu_ms() * 1e6) << 20) | 1;
    node_room = 4096;
    node_mask = node_room * 2 - 1;
    entry_mask = 8191;
    nodes = room(node_room * sizeof *nodes);
    node_slots = room((node_mask + 1) * 4);
    entries = room((entry_mask + 1) * sizeof *entries);
    if (!nodes || !node_slots || !entries) {
        unroom(nodes, node_room * sizeof *nodes);
        unroom(node_slots, (node_mask + 1) * 4);
        unroom(entries, (entry_mask + 1) * sizeof *entries);
        nodes = 0, node_slots = 0, entries = 0;
        return 12; /* ENOMEM */
    }
    __builtin_memset(filter, 0, sizeof filter);
    node_count = 1; /* the root */
    entry_count = ordinal = dropped = 0;
    allocated = 0;
    left = next_gap();
    active = 1;
    for (int domain = 1; domain < 3; domain++) {
        /* Still in a chain that another tool keeps: passing on has become noting again. */
        if (installed && in_chain(domain)) continue;
        PyMem_GetAllocator(domain, &behind[domain]);
        struct allocator a = ours(domain);
        PyMem_SetAllocator(domain, &a);
    }
    installed = 1;
    return 0;
}

/* 0: taken out; 1: another tool is in front of us (or has removed us), and we only pass on. */
EXPORT long hs_stop(void) {
    active = 0;
    left = 1l << 60;
    __builtin_memset(filter, 0, sizeof filter);
    if (!installed) return 0;
    if (!is_ours(1) || !is_ours(2)) return 1;
    for (int domain = 1; domain < 3; domain++) PyMem_SetAllocator(domain, &behind[domain]);
    installed = 0;
    return 0;
}

/* active, in place, nodes, entries, ordinal, dropped, interval, then bytes allocated as a double. */
EXPORT void hs_counts(u64 *to) {
    to[0] = (u64)active;
    to[1] = (u64)(installed && in_chain(1) && in_chain(2));
    to[2] = node_count;
    to[3] = entry_count;
    to[4] = ordinal;
    to[5] = dropped;
    to[6] = interval;
    copy(to + 7, &allocated, 8);
}

/* request: address and room of the nodes (7 words each), address and room of the entries (4 words each; only those after
 * the given ordinal). Answers with the numbers written in its place. */
EXPORT long hs_export(u64 *request) {
    if (!nodes || !take_lock()) return 11; /* EAGAIN */
    u64 *to = (u64 *)request[0], many = request[1] < node_count ? request[1] : node_count;
    for (u64 i = 0; i < many; i++, to += 7) {
        to[0] = nodes[i].parent;
        to[1] = nodes[i].line;
        to[2] = (u64)nodes[i].code;
        copy(to + 3, &nodes[i].bytes, 32);
    }
    request[1] = many;
    to = (u64 *)request[2];
    u64 found = 0;
    for (u64 i = 0; i <= entry_mask && found < request[3]; i++) {
        const struct entry *e = entries + i;
        if (!e->at || e->node >= many || e->ordinal <= request[4]) continue;
        to[0] = e->node;
        to[1] = e->ordinal;
        to[2] = e->size;
        copy(to + 3, &e->count, 8);
        to += 4;
        found++;
    }
    request[3] = found;
    give_lock();
    return 0;
}

/* After hs_stop: gives the tables back and lets go of the code objects. */
EXPORT void hs_clear(void) {
    if (active || !nodes) return;
    struct node *old = nodes;
    u64 many = node_count, size = node_room;
    unroom(entries, (entry_mask + 1) * sizeof *entries);
    unroom(node_slots, (node_mask + 1) * 4);
    entries = 0, nodes = 0, node_slots = 0;
    node_count = entry_count = 0;
    for (u64 i = 1; i < many; i++)
        if (old[i].code) Py_DecRef(old[i].code);
    unroom(old, size * sizeof *old);
}

/* After a fork, in the child: no lock may be waited for that a thread of the parent held. */
EXPORT void hs_forked(void) { lock = 0; }

/* Calls function(argument) with the program's own allocators in place: the interpreter's statistics look at who is
 * installed. Nothing else runs meanwhile, the caller holds the interpreter's lock. */
EXPORT void hs_around(void (*function)(void *), void *argument) {
    int here = installed && is_ours(1) && is_ours(2);
    for (int domain = 1; here && domain < 3; domain++) PyMem_SetAllocator(domain, &behind[domain]);
    function(argument);
    for (int domain = 1; here && domain < 3; domain++) {
        struct allocator a = ours(domain);
        PyMem_SetAllocator(domain, &a);
    }
}
