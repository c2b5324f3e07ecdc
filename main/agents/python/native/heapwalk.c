/* The native walker of the Python agent: reads the heap of the interpreter it is loaded into and
 * writes it as a `.heapsnapshot`, in a copy of the process (hh_clone) or in place (hh_walk with the
 * interpreter's lock held, then hh_write without).
 *
 * Knows no header of Python: offsets come from native.py, which finds them on known objects and
 * has them checked by a copy of the process before anything else is read. One binary for all
 * versions. Calls nothing of the C library, allocates with mmap only. */
#include "system.h"
#include "tables.h"
#include "state.h"
#include "names.h"
#include "plan.h"
#include "edges.h"
#include "output.h"
#include "sites.h"
#include "graph.h"
#include "write.h"

enum { ABI = 4 };

EXPORT int hh_abi(void) { return ABI; }

EXPORT void hh_set(long slot, void *at, long n) {
    if (slot < 0 || slot >= GIVEN) return;
    given[slot].at = at;
    given[slot].n = n;
    if (slot == G_LAYOUT)
        for (int i = 0; i < LAYOUT && i < n; i++) L[i] = ((i64 *)at)[i];
    if (slot == G_TYPES)
        for (int i = 0; i < KNOWN && i < n; i++) K[i] = ((void **)at)[i];
}

EXPORT void hh_cancel(void) { S.cancelled = 1; }

EXPORT void hh_drop(void) {
    drop_all();
    column_drop(&out);
    column_drop(&frame_buffer);
}

/* In the copy the interpreter's allocators are replaced: a `__sizeof__` of C makes an int, and the
 * lock of malloc may have been held by a thread that does not exist here. */
static char *pool;
static u64 pool_at;
enum { POOL = 1 << 20 };

static void *pool_malloc(void *ctx, u64 n) {
    (void)ctx;
    n = (n + 31) & ~15ul;
    if (n > POOL / 2) return 0;
    if (!pool || pool_at + n > POOL) {
        pool = map_memory(POOL);
        pool_at = 0;
    }
    char *at = pool + pool_at;
    pool_at += n;
    *(u64 *)at = n;
    return at + 16;
}

static void *pool_calloc(void *ctx, u64 n, u64 size) {
    u64 bytes = n * size;
    void *at = pool_malloc(ctx, bytes);
    if (at) __builtin_memset(at, 0, bytes);
    return at;
}

static void pool_free(void *ctx, void *at) {
    (void)ctx;
    char *block = (char *)at - 16;
    if (block < pool || block >= pool + POOL) return; /* the program's: it stays */
    if (block + *(u64 *)block == pool + pool_at) pool_at -= *(u64 *)block;
}

static void *pool_realloc(void *ctx, void *at, u64 n) {
    char *block = (char *)at - 16;
    if (!at) return pool_malloc(ctx, n);
    if (block < pool || block >= pool + POOL) return 0;
    void *made = pool_malloc(ctx, n);
    u64 old = *(u64 *)block - 16;
    if (made) copy(made, at, old < n ? old : n);
    return made;
}

static void close_others(void) {
    int keep[3] = {(int)given[G_PIPE].n, (int)given[G_FILE].n, -1};
    if (keep[0] > keep[1]) keep[2] = keep[0], keep[0] = keep[1], keep[1] = keep[2];
    u32 from = 0;
    for (int i = 0; i < 2; i++) {
        if (keep[i] < 0) continue;
        if ((u32)keep[i] > from) {
            long done = sys6(SYS_CLOSE_RANGE, from, keep[i] - 1, 0, 0, 0, 0);
            for (u32 fd = from; done < 0 && fd < (u32)keep[i]; fd++) sys6(SYS_CLOSE, fd, 0, 0, 0, 0, 0);
        }
        from = (u32)keep[i] + 1;
    }
    if (sys6(SYS_CLOSE_RANGE, from, 0xFFFFFFFF, 0, 0, 0, 0) < 0)
        for (u32 fd = from; fd < 65536; fd++) sys6(SYS_CLOSE, fd, 0, 0, 0, 0, 0);
}

static void become_copy(void) {
    i64 none[2] = {0, 0}, moment[2] = {0, 1000000};
    sys6(SYS_NANOSLEEP, (long)moment, 0, 0, 0, 0, 0); /* the program's thread goes first */
    sys6(SYS_PRCTL, 1, 9, 0, 0, 0, 0); /* PR_SET_PDEATHSIG: ends with the agent's thread */
    sys6(SYS_PRLIMIT, 0, 4, (long)none, 0, 0, 0); /* no core file */
    close_others();
    /* the first the kernel ends when memory is short */
    long fd = sys6(SYS_OPEN_AT, -100, (long)"/proc/self/oom_score_adj", 1 | 02000000, 0, 0, 0);
    if (fd >= 0) {
        sys6(SYS_WRITE, fd, (long)"1000", 4, 0, 0, 0);
        sys6(SYS_CLOSE, fd, 0, 0, 0, 0, 0);
    }
    S.in_copy = 1;
    i64 fallback[4] = {0, 0, 0, 0}; /* SIG_DFL; the mask is the agent's: everything blocked */
    u64 alarm_only = 1ul << 13;
    sys6(SYS_SIGACTION, 14, (long)fallback, 0, 8, 0, 0);
    sys6(SYS_SIGPROCMASK, 1, (long)&alarm_only, 0, 8, 0, 0); /* SIG_UNBLOCK */
    watch(PATIENCE_SECONDS);
    if (PyMem_SetAllocator) {
        struct { void *ctx, *malloc, *calloc, *realloc, *free; } ours = {
            0, (void *)pool_malloc, (void *)pool_calloc, (void *)pool_realloc, (void *)pool_free};
        for (int domain = 0; domain < 3; domain++) PyMem_SetAllocator(domain, &ours);
    }
}

/* Tells what the walk makes of some known objects; native.py compares. */
static u32 witnesses_seen;
static u64 ring_sizes[4];
static int ring_now;

static void count_ring(void *o) {
    ring_sizes[ring_now]++;
    void **witness = given[G_WITNESS].at;
    for (i64 i = 0; i < given[G_WITNESS].n; i++)
        if (witness[i] == o) witnesses_seen++;
}

static int is_head(u64 at) {
    u64 next = *(u64 *)at & ~3ul, before = *(u64 *)(at + 8) & ~3ul;
    return next && before && (*(u64 *)(next + 8) & ~3ul) == at && (*(u64 *)before & ~3ul) == at;
}

/* From a fresh object along its ring to the heads of the generations, known by the thresholds of the
 * first two. */
static u64 find_heads(void *fresh) {
    u64 at = (u64)fresh - 16;
    for (u32 n = 0; n < 20000000; n++) {
        at = *(u64 *)at & ~3ul;
        if (!at || at == (u64)fresh - 16) return 0;
        for (u64 first = at; first + 48 >= at; first -= 24) { /* a collection may have moved it on */
            if (U32(first, 16) != (u32)L[L_THRESHOLD_0] || U32(first, 40) != (u32)L[L_THRESHOLD_1]) continue;
            if (is_head(first) && is_head(first + 24) && is_head(first + 48)) return first;
        }
    }
    return 0;
}

/* Where the frozen objects are: behind a pointer to the youngest generation up to 3.13 (3.13.15 aligns
 * heads to 4 bytes only), else at once; 0: elsewhere. */
static u64 find_frozen(u64 heads) {
    u64 at = *(u64 *)(heads + 72) == heads ? 80 : *(u64 *)(heads + 76) == heads ? 84 : L[L_VERSION] >= 314 ? 72 : 0;
    return at && is_head(heads + at) ? at : 0;
}

static int read_memory(u64 at, void *to, u64 n) {
    u64 here[2] = {(u64)to, n}, there[2] = {at, n};
    long pid = sys6(SYS_GETPID, 0, 0, 0, 0, 0, 0);
    return sys6(SYS_READ_MEMORY, pid, (long)here, 1, (long)there, 1, 0) == (long)n;
}

/* Is this the table of interned strings? It maps each to itself; `witness` is one of them. */
static int is_interned_table(void *d, void *witness) {
    void *key, *value;
    u32 n = 0, seen = 0;
    for (i64 at = 0; PyDict_Next(d, &at, &key, &value); n++) {
        if (key != value || TYPE(key) != K[K_STR] || !(U32(key, 32) & 3)) return 0;
        if (key == witness) seen = 1;
    }
    return seen && n > 100;
}

/* Where the interpreter's own variables are: the word that points at the table, or 0. */
static u64 find_interned(void) {
    u64 *places = given[G_PLACES].at, head[6], keys[4];
    if (!places) return 0;
    for (i64 i = 1; i + 1 < given[G_PLACES].n; i += 2)
        for (u64 at = places[i]; at < places[i + 1]; at += 8) {
            u64 word = *(u64 *)at;
            if (word & 7 || word < 65536 || word >> 47) continue;
            if (!read_memory(word, head, sizeof head) || (void *)head[1] != K[K_DICT] || head[2] < 100 || head[2] >> 32) continue;
            /* count, used, keys, values: not one that was freed and waits in a list, not one with shared keys */
            if (!(u32)head[0] || head[5] || head[4] & 7 || !read_memory(head[4], keys, sizeof keys)) continue;
            if (is_interned_table((void *)word, (void *)places[0])) return at;
        }
    return 0;
}

static void verify(void) {
    load_given();
    S.is_virtual = 1;
    column_grow(&out, OUT_ROOM + 65536);
    i64 file = given[G_FILE].n;
    given[G_FILE].n = -2;
    out_string("{\"heads\":");
    u64 heads = find_heads(*(void **)given[G_WITNESS].at), frozen = 0;
    out_big(heads);
    if (heads) {
        for (ring_now = 0; ring_now < 3; ring_now++) ring(heads + 24 * (u64)ring_now, count_ring);
        frozen = find_frozen(heads);
        if (frozen) ring(heads + frozen, count_ring);
        else ring_sizes[3] = 0xFFFFFFFF;
    }
    out_string(",\"interned\":");
    out_big(find_interned());
    out_string(",\"frozen\":");
    out_big(frozen);
    out_string(",\"rings\":[");
    for (int i = 0; i < 4; i++) {
        if (i) out_text(",", 1);
        out_big(ring_sizes[i]);
    }
    out_string("],\"witnesses\":");
    out_big(witnesses_seen);
    out_string(",\"objects\":[");
    void **probes = given[G_PROBES].at;
    for (i64 i = 0; i < given[G_PROBES].n; i++) {
        u64 first = S.e_count;
        u32 n = enter(probes[i]);
        process(n);
        const struct plan *p = (struct plan *)S.plans.at + NODE(plan, n);
        if (i) out_text(",", 1);
        out_string("[");
        out_big(p->kind);
        u32 texts[2] = {NODE(name, n), p->class_sid};
        for (int k = 0; k < 2; k++) {
            u64 *at = (u64 *)S.text_at.at + texts[k] * 2ul;
            out_text(",", 1);
            out_text(S.text.at + at[0], (texts[k] + 1 < S.strings ? at[2] : S.text.used) - at[0]);
        }
        out_text(",", 1);
        out_big(NODE(size, n));
        out_text(",", 1);
        out_big(NODE(refs, n));
        out_string(",[");
        for (u64 e = first; e < S.e_count; e++) {
            u32 type = EDGE_TYPE(e), name = EDGE(e).name;
            if (e > first) out_text(",", 1);
            out_string("[");
            out_big(type);
            out_text(",", 1);
            if (type == E_ELEMENT || type == E_HIDDEN) out_big(name);
            else {
                u64 *at = (u64 *)S.text_at.at + name * 2ul;
                out_text(S.text.at + at[0], (name + 1 < S.strings ? at[2] : S.text.used) - at[0]);
            }
            out_text(",", 1);
            out_big(type == E_WEAK ? (u64)((struct pending *)(S.pending.at + S.pending.used) - 1)->referent
                                   : (u64)ADDR(EDGE_TO(e)));
            out_string("]");
        }
        out_string("]]");
    }
    out_string("]}");
    given[G_FILE].n = file;
    message('R', out.at, out.used);
}

static void tell_failure(void) {
    char d[12];
    int n = 0, v = failure;
    char text[12];
    do d[n++] = (char)('0' + v % 10);
    while (v /= 10);
    for (int i = 0; i < n; i++) text[i] = d[n - 1 - i];
    int kept = failure;
    if (!__builtin_setjmp(jump)) message('N', text, (u64)n);
    failure = kept;
}

/* Makes a copy of the process without exit signal that walks and writes (kind 0), or checks the
 * layout (kind 1). Returns its pid, or a negative errno. */
EXPORT __attribute__((noinline)) long hh_clone(long kind) {
    double before = now_ms();
    long parent = sys6(SYS_GETPID, 0, 0, 0, 0, 0, 0);
    long pid = sys6(SYS_CLONE, 0, 0, 0, 0, 0, 0);
    if (pid != 0) return pid;
    S.began = now_ms(); /* last_tick 0: the first look at the clock tells of progress */
    S.pause = S.began - before;
    if (!__builtin_setjmp(jump)) {
        become_copy();
        if (sys6(SYS_GETPPID, 0, 0, 0, 0, 0, 0) == parent || sys6(SYS_GETPPID, 0, 0, 0, 0, 0, 0) == 0) {
            if (kind) verify();
            else {
                walk();
                S.walk_ms = now_ms() - S.began;
                write_snapshot();
            }
        }
    } else tell_failure();
    for (;;) sys6(SYS_EXIT_GROUP, failure ? 1 : 0, 0, 0, 0, 0, 0);
}

EXPORT long hh_copy(void) { return hh_clone(0); }

/* In the living process: the interpreter's lock is held by the caller. 0, or an errno. */
EXPORT __attribute__((noinline)) long hh_walk(void) {
    failure = 0;
    S.began = now_ms(); /* last_tick 0: the first look at the clock tells of progress */
    S.pause = -1;
    S.cpu_began = cpu_ms();
    if (!__builtin_setjmp(jump)) {
        walk();
        S.walk_ms = S.pause = now_ms() - S.began;
        S.cpu = cpu_ms() - S.cpu_began;
    }
    if (failure) tell_failure();
    return failure;
}

/* The second half, without the lock: only tables of our own are read. */
EXPORT __attribute__((noinline)) long hh_write(void) {
    failure = 0;
    S.cpu_began = cpu_ms();
    if (!__builtin_setjmp(jump)) write_snapshot();
    if (failure) tell_failure();
    return failure;
}
