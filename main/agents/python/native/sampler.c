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
enum { ABI = 2, MAX_LIVE = 1 << 21, FILTER = 1 << 16, PATIENCE = 20000 };

extern void *_PyThreadState_UncheckedGet(void) WEAK;
extern void *PyThreadState_GetUnchecked(void) WEAK;
extern void *PyInterpreterState_Head(void) WEAK;
extern void *PyInterpreterState_Next(void *) WEAK;
extern void PyMem_GetAllocator(int, void *) WEAK;
extern int PyCode_Addr2Line(void *, int) WEAK;
extern void Py_IncRef(void *) WEAK;
extern void *PyMem_Malloc(u64) WEAK;
extern void *PyObject_Malloc(u64) WEAK;
extern void PyObject_Free(void *) WEAK;
extern int PyRefTracer_SetTracer(int (*)(void *, int, void *), void *) WEAK; /* 3.13+ */
extern int (*PyRefTracer_GetTracer(void **))(void *, int, void *) WEAK;

#include "stacks.h"
#include "record.h"

struct allocator {
    void *ctx;
    void *(*malloc)(void *, u64);
    void *(*calloc)(void *, u64, u64);
    void *(*realloc)(void *, void *, u64);
    void (*free)(void *, void *);
};
static struct allocator behind[3]; /* by domain; 0 stays empty */

/* What the samples of a call stand for; parallel to the calls of the tree. */
struct figures { f64 bytes, count, total_bytes, total_count; };
struct entry { u64 at; u32 node, unused; u64 ordinal, size; f64 count; };

static struct tree sampled;
static struct figures *figures;
static u64 figures_room;
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

static int figures_grow(void) {
    if (figures_room >= sampled.room) return 1;
    struct figures *more = room(sampled.room * sizeof *more);
    if (!more) return 0;
    if (figures) copy(more, figures, figures_room * sizeof *more);
    unroom(figures, figures_room * sizeof *more);
    figures = more;
    figures_room = sampled.room;
    return 1;
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
    struct figures *n = figures + e->node;
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
    static struct step found[MAX_DEPTH]; /* under the lock of the main interpreter */
    left = next_gap();
    if (!active) {
        left = 1l << 60;
        return;
    }
    void *state = thread_state(), *last = 0;
    if (state && !is_main(state)) return;
    if (!take_lock()) {
        dropped++;
        return;
    }
    int cut = 0;
    u32 n = state ? steps(state, found, (u32)depth_limit, &last, &cut) : 0;
    if (last && last == (void *)O[O_OWN_CODE]) goto done; /* a thread of the agent */
    u32 node = 0;
    if (cut) node = call_of(&sampled, 0, 0, DEEPER);
    if (!n) node = call_of(&sampled, 0, 0, NO_PYTHON);
    while (n && node != NONE) {
        n--;
        u32 line = is_code(found[n].code) ? line_of(found + n) : NONE;
        if (line != NONE) node = call_of(&sampled, node, found[n].code, line);
    }
    if (node == NONE || !figures_grow() || (entry_count * 2 > entry_mask && !entries_grow())) {
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
    struct figures *p = figures + node;
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
        if (__builtin_expect(recording, 0)) record(at);
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
        if (__builtin_expect(recording, 0) && at && p && p != at) unrecord(p); \
        return noted(at, n); \
    } \
    static void free_##d(void *ctx, void *p) { \
        if (SEEN(p)) freed(p); \
        if (__builtin_expect(recording, 0)) unrecord(p); \
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
    if (!PyCode_Addr2Line) return 3;
    if (active || recording) return 4;
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
EXPORT long hs_probe(u64 *to) {
    struct step found[16];
    void *last, *state = thread_state();
    int cut;
    u32 many = is_main(state) ? steps(state, found, 16, &last, &cut) : 0, n = 0;
    for (u32 i = 0; i < many; i++) {
        u32 line = is_code(found[i].code) ? line_of(found + i) : NONE;
        if (line == NONE) continue;
        to[2 * n] = (u64)found[i].code;
        to[2 * n++ + 1] = line;
    }
    if (!active && !recording && !sampled.calls && !recorded.calls) let_go_of_codes();
    return n;
}

/* In front of the allocators, unless still in a chain that another tool keeps: there passing on becomes noting again. */
static void install(void) {
    for (int domain = 1; domain < 3; domain++) {
        if (installed && in_chain(domain)) continue;
        PyMem_GetAllocator(domain, &behind[domain]);
        struct allocator a = ours(domain);
        PyMem_SetAllocator(domain, &a);
    }
    installed = 1;
}

/* 0: taken out, or still wanted; 1: another tool is in front of us (or has removed us), and we only pass on. */
static long uninstall(void) {
    if (!installed || active || recording) return 0;
    if (!is_ours(1) || !is_ours(2)) return 1;
    for (int domain = 1; domain < 3; domain++) PyMem_SetAllocator(domain, &behind[domain]);
    installed = 0;
    return 0;
}

/* Both in place right now? What has missed a free must not be believed again. */
static int in_place(void) { return installed && in_chain(1) && in_chain(2); }

static int gap_sampled, gap_recorded;
static void note_gaps(void) {
    if (!active && !recording) return;
    if (in_place()) return;
    gap_sampled |= active;
    gap_recorded |= recording;
}

EXPORT long hs_start(const u64 *options) {
    if (active) return 16; /* EBUSY */
    note_gaps();
    interval = options[0] < 1 ? 1 : options[0];
    depth_limit = options[1] < 1 ? 1 : options[1] > MAX_DEPTH ? MAX_DEPTH : options[1];
    seed = (options[2] ^ (u64)(now_ms() * 1e6) ^ (u64)(cpu_ms() * 1e6) << 20) | 1;
    entry_mask = 8191;
    entries = room((entry_mask + 1) * sizeof *entries);
    if (!entries || !tree_begin(&sampled) || !figures_grow()) {
        unroom(entries, (entry_mask + 1) * sizeof *entries);
        entries = 0;
        tree_end(&sampled);
        return 12; /* ENOMEM */
    }
    __builtin_memset(filter, 0, sizeof filter);
    entry_count = ordinal = dropped = 0;
    allocated = 0;
    left = next_gap();
    gap_sampled = 0;
    active = 1;
    install();
    return 0;
}

EXPORT long hs_stop(void) {
    active = 0;
    left = 1l << 60;
    __builtin_memset(filter, 0, sizeof filter);
    return uninstall();
}

/* options: deepest stack, most pieces of the shadow (256 KiB for 1 MiB of addresses). */
EXPORT long hs_record(const u64 *options) {
    if (recording) return 16;
    note_gaps();
    record_depth = options[0] < 1 ? 1 : options[0] > MAX_DEPTH ? MAX_DEPTH : options[0];
    leaves_limit = options[1];
    record_dropped = 0;
    if (!tree_begin(&recorded)) {
        tree_end(&recorded);
        return 12;
    }
    previous_count = 0;
    gap_recorded = 0;
    recording = 1;
    if (!active) left = 1l << 60;
    install();
    void *data;
    if (PyRefTracer_SetTracer && PyRefTracer_GetTracer && !PyRefTracer_GetTracer(&data)) PyRefTracer_SetTracer(tell, 0);
    return 0;
}

EXPORT long hs_end_record(void) {
    recording = 0;
    if (tells()) PyRefTracer_SetTracer(0, 0);
    return uninstall();
}

/* active, in place, nodes, entries, ordinal, dropped, interval, then bytes allocated as a double; then of the recording:
 * on, in place, calls, pieces of the shadow, dropped, told of every object. */
EXPORT void hs_counts(u64 *to) {
    note_gaps();
    to[0] = (u64)active;
    to[1] = (u64)(active && !gap_sampled);
    to[2] = sampled.count;
    to[3] = entry_count;
    to[4] = ordinal;
    to[5] = dropped;
    to[6] = interval;
    copy(to + 7, &allocated, 8);
    to[8] = (u64)recording;
    to[9] = (u64)(recording && !gap_recorded);
    to[10] = recorded.count;
    to[11] = leaves;
    to[12] = record_dropped;
    to[13] = (u64)tells();
}

/* request: address and room of the nodes (7 words each), address and room of the entries (4 words each; only those after
 * the given ordinal). Answers with the numbers written in its place. */
EXPORT long hs_export(u64 *request) {
    if (!sampled.calls || !take_lock()) return 11; /* EAGAIN */
    u64 *to = (u64 *)request[0], many = request[1] < sampled.count ? request[1] : sampled.count;
    for (u64 i = 0; i < many; i++, to += 7) {
        to[0] = sampled.calls[i].parent;
        to[1] = sampled.calls[i].line;
        to[2] = (u64)sampled.calls[i].code;
        if (i < figures_room) copy(to + 3, figures + i, 32);
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

/* For the heap walker, in a copy of the process or with the interpreter's lock held: the call of each object (0: none),
 * and of sampled ones how many hundredths of an object it stands for. */
static void find_recorded(const u64 *objects, u32 *calls, u32 *weights, u64 n) {
    (void)weights;
    for (u64 i = 0; i < n; i++) {
        u32 *slot = objects[i] ? slot_at((u64)block_of((void *)objects[i])) : 0;
        calls[i] = slot ? *slot : 0;
    }
}

static void find_sampled(const u64 *objects, u32 *calls, u32 *weights, u64 n) {
    for (u64 i = 0; i < n; i++) {
        calls[i] = weights[i] = 0;
        void *block = objects[i] ? block_of((void *)objects[i]) : 0;
        if (!block || !FILTER_AT(block)) continue;
        const struct entry *e = entry_place((u64)block);
        if (!e->at) continue;
        f64 weight = e->count * 100 + 0.5;
        calls[i] = e->node;
        weights[i] = weight > 4e9 ? 4000000000u : (u32)weight;
    }
}

/* kind 1: what is recorded, 2: what is sampled. Words: function, calls, number of calls, code objects that are held,
 * places for them. All zero when there is nothing. */
EXPORT void hs_sites(u64 kind, u64 *to) {
    const struct tree *t = kind == 1 ? &recorded : &sampled;
    for (int i = 0; i < 5; i++) to[i] = 0;
    if (!t->calls || (kind == 2 && !entries)) return;
    to[0] = kind == 1 ? (u64)find_recorded : (u64)find_sampled;
    to[1] = (u64)t->calls;
    to[2] = t->count;
    to[3] = (u64)codes;
    to[4] = codes ? code_mask + 1 : 0;
}

/* After hs_stop or hs_end_record: gives their tables back, and lets go of the code objects when both have ended. */
EXPORT void hs_clear(void) {
    if (!active && sampled.calls) {
        unroom(entries, (entry_mask + 1) * sizeof *entries);
        unroom(figures, figures_room * sizeof *figures);
        entries = 0;
        figures = 0;
        figures_room = entry_count = 0;
        tree_end(&sampled);
    }
    if (!recording && recorded.calls) record_clear();
    if (!sampled.calls && !recorded.calls) let_go_of_codes();
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
