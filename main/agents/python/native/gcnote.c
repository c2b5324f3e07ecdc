/* The collector's callback in C: notes each collection that allocations caused in a ring
 * that the agent's thread empties (gcnative.py). Collections somebody asked for go on to the
 * callback in Python, which knows who.
 *
 * Knows no header of Python: the function object is made from a PyMethodDef of ours by
 * PyCFunction_NewEx, everything else is a handful of exported functions. Where the figures of the
 * collector lie in memory is found and checked by gcnative.py; 0 where they were not found.
 * Everything here runs with the interpreter's lock held. */
typedef long i64;

#define EXPORT __attribute__((visibility("default")))
#define WEAK __attribute__((weak))

extern void *PyCFunction_NewEx(void *, void *, void *) WEAK;
extern int PyUnicode_CompareWithASCIIString(void *, const char *) WEAK;
extern void *PyDict_GetItem(void *, void *) WEAK;
extern long PyLong_AsLong(void *) WEAK;
extern void *PyTuple_GetItem(void *, i64) WEAK;
extern void *PyObject_CallObject(void *, void *) WEAK;
extern void *PyObject_CallFunctionObjArgs(void *, ...) WEAK;
extern void *PyErr_Occurred(void) WEAK;
extern void PyErr_Clear(void) WEAK;
extern void Py_IncRef(void *) WEAK;
extern void Py_DecRef(void *) WEAK;
extern int clock_gettime(int, void *) WEAK;

enum { ABI = 4, FULL = 2, FIND_STEPS = 10000, WALK_STEPS = 200000 };
/* The walk along the youngest generation takes at most a thousandth of the time; ms that may be saved up for bursts. */
#define WALK_SHARE 0.001
#define WALK_MOST 0.2

/* As clients get it; -1: not known. */
struct row {
    double at; /* epoch ms */
    float pause_ms;
    int collected, uncollectable, candidates, survivors, count;
    unsigned short older[2];
    int generation;
};

/* Collections of a generation for which the ring had no room. */
struct sum {
    double collections, collected, uncollectable, pause_ms;
};

/* Words shared with gcnative.py, in the order of its WORDS. */
struct control {
    i64 limit;      /* threshold of the youngest generation */
    i64 written;    /* rows since the start */
    i64 taken;      /* of those read: the ring has room for `capacity` that are not */
    i64 polled;     /* the agent's thread looks by itself */
    i64 capacity;
    struct row *ring; /* in [0].at: what turns our milliseconds into epoch ms; rows from [1] */
    int *counts;    /* the three counts of the collector, 24 bytes apart, or 0 */
    i64 *survivors; /* objects that survived the last full collection; next to it: the middle ones since */
    i64 *young;     /* head of the list of the youngest generation, or 0 */
    struct sum *sums; /* by generation; behind the three those of all that was noted, for means */
    i64 survived, looked_at; /* of the collection that is passed on now, -1: not known */
    void *get_count, *passed, *wake, *generation, *collected, *uncollectable, *candidates, *none;
};

static struct control *C; /* 0: let go of, the function does nothing any more */
static void *none;
static i64 inside;
static double began;
static int asked;
static i64 counts[3], pending_before;
static int looked_at; /* objects of the youngest generation, -1: not counted */
static double walk_left, walked_at; /* ms that walking may take; when it was counted last */

static double monotonic_ms(void) {
    i64 t[2] = {0, 0};
    clock_gettime(1, t);
    return (double)t[0] * 1000.0 + (double)t[1] / 1e6;
}

static void *nothing(void) {
    Py_IncRef(none);
    return none;
}

static long number(void *info, void *key, long otherwise) {
    void *found = PyDict_GetItem(info, key);
    if (!found) return otherwise;
    long value = PyLong_AsLong(found);
    if (value == -1 && PyErr_Occurred()) {
        PyErr_Clear();
        return otherwise;
    }
    return value;
}

static int read_counts(void) {
    if (C->counts) {
        for (int i = 0; i < 3; i++) counts[i] = C->counts[i * 6];
        return 1;
    }
    void *tuple = PyObject_CallObject(C->get_count, 0);
    if (!tuple) {
        PyErr_Clear();
        return 0;
    }
    for (int i = 0; i < 3; i++) {
        void *item = PyTuple_GetItem(tuple, i);
        counts[i] = item ? PyLong_AsLong(item) : 0;
    }
    PyErr_Clear();
    Py_DecRef(tuple);
    return 1;
}

static void *pass_on(void *const *args) {
    void *callback = C->passed;
    inside++; /* Python runs: another thread may take the lock and wish to unload us */
    void *result = PyObject_CallFunctionObjArgs(callback, args[0], args[1], (void *)0);
    inside--;
    return result;
}

/* What a collection of the youngest generation is about to look at: the collector goes along the same list right
 * after, so it only finds in the cache what it would have to fetch itself. Not for each when they come fast. */
static int count_young(double now) {
    if (!C->young) return -1;
    walk_left += (now - walked_at) * WALK_SHARE;
    walked_at = now;
    if (walk_left > WALK_MOST) walk_left = WALK_MOST;
    if (walk_left <= 0) return -1;
    int n = 0;
    for (i64 *at = (i64 *)(*C->young & ~3l); at != C->young; at = (i64 *)(*at & ~3l))
        if (!at || ++n > WALK_STEPS) return -1;
    return n;
}

/* At the end of a collection: the objects that lived on, -1 where that is not known. */
static i64 survived(long generation) {
    if (!C->survivors) return -1;
    if (generation == FULL) return C->survivors[0];
    return generation == 1 && C->survivors[1] >= pending_before ? C->survivors[1] - pending_before : -1;
}

static struct sum *sum_of(long generation, int noted) {
    return C->sums + (noted ? FULL + 1 : 0) + (generation < 0 || generation > FULL ? FULL : generation);
}

static void add_to_sums(void *info, long generation, double pause_ms) {
    struct sum *sum = sum_of(generation, 0);
    sum->collections++;
    sum->collected += (double)number(info, C->collected, 0);
    sum->uncollectable += (double)number(info, C->uncollectable, 0);
    sum->pause_ms += pause_ms;
}

static void note(void *info, double ended) {
    long generation = number(info, C->generation, 0);
    if (C->written - C->taken >= C->capacity) {
        add_to_sums(info, generation, ended - began);
        return;
    }
    struct row *row = C->ring + 1 + C->written % C->capacity;
    row->at = began + C->ring[0].at;
    row->pause_ms = (float)(ended - began);
    row->collected = (int)number(info, C->collected, 0);
    row->uncollectable = (int)number(info, C->uncollectable, 0);
    row->candidates = generation == 0 && looked_at >= 0 ? looked_at : (int)number(info, C->candidates, -1);
    row->survivors = (int)survived(generation);
    row->count = (int)counts[0];
    for (int i = 0; i < 2; i++) row->older[i] = counts[i + 1] > 0xFFFF ? 0xFFFF : (unsigned short)counts[i + 1];
    row->generation = (int)generation;
    struct sum *noted = sum_of(generation, 1);
    noted->collections++;
    noted->pause_ms += ended - began;
    C->written++;
}

static void *on_collection(void *self, void *const *args, i64 n) {
    (void)self;
    if (!C || n != 2) return nothing();
    if (PyUnicode_CompareWithASCIIString(args[0], "start") == 0) {
        began = 0;
        asked = 0;
        looked_at = -1;
        if (C->survivors) pending_before = C->survivors[1];
        if (!read_counts() || !(counts[0] > C->limit && C->limit > 0)) {
            asked = 1; /* no threshold was passed */
            if (number(args[1], C->generation, FULL) == 0) looked_at = count_young(monotonic_ms());
            return pass_on(args);
        }
        began = monotonic_ms();
        if (C->young && number(args[1], C->generation, FULL) == 0) {
            double before = began;
            looked_at = count_young(before);
            began = monotonic_ms();
            if (walk_left > 0) walk_left -= began - before;
        }
        return nothing();
    }
    if (asked) {
        asked = 0;
        C->survived = survived(number(args[1], C->generation, 0));
        C->looked_at = looked_at;
        return pass_on(args);
    }
    if (began > 0) {
        note(args[1], monotonic_ms());
        began = 0;
        if (!C->polled) {
            void *wake = C->wake;
            inside++;
            void *result = PyObject_CallObject(wake, 0);
            inside--;
            if (result) Py_DecRef(result);
            else PyErr_Clear();
        }
    }
    return nothing();
}

/* PyMethodDef: name, function, METH_FASTCALL, doc. */
static struct { const char *name; void *function; int flags; const char *doc; } definition = {
    "heaphouse_gc", (void *)on_collection, 0x80, 0};

EXPORT long gcnote_abi(void) { return ABI; }

/* A new function object, or 0 when this process lacks something. */
EXPORT void *gcnote_make(void *control) {
    if (!PyCFunction_NewEx || !PyUnicode_CompareWithASCIIString || !PyDict_GetItem || !PyLong_AsLong || !PyTuple_GetItem ||
        !PyObject_CallObject || !PyObject_CallFunctionObjArgs || !PyErr_Occurred || !PyErr_Clear || !Py_IncRef || !Py_DecRef || !clock_gettime)
        return 0;
    C = control;
    none = C->none;
    began = 0;
    asked = 0;
    void *made = PyCFunction_NewEx(&definition, 0, 0);
    if (!made) {
        PyErr_Clear();
        C = 0;
    }
    return made;
}

/* The control block is about to go away. Whoever still holds the function calls a function that does nothing. */
EXPORT void gcnote_drop(void) { C = 0; }

/* Between our two calls for one collection: the list of callbacks is not to be changed now. */
EXPORT long gcnote_busy(void) { return began > 0 || asked; }

/* From a fresh object along its ring to the head of the youngest generation, which is followed by the
 * three thresholds. 0 when it does not come. The layout is that of 3.8 to 3.13: gcnative.py asks. */
EXPORT i64 gcnote_find(i64 fresh, i64 first, i64 second, i64 third) {
    char *at = (char *)fresh - 16;
    for (int n = 0; n < FIND_STEPS; n++) {
        at = (char *)(*(i64 *)at & ~3l);
        if (!at || at == (char *)fresh - 16) return 0;
        int *word = (int *)at;
        if (word[4] == first && word[10] == second && word[16] == third && (*(i64 *)(*(i64 *)(at + 8) & ~3l) & ~3l) == (i64)at) return (i64)at;
    }
    return 0;
}

/* Calls that are inside Python on some thread: not before 0 may the library be unloaded. */
EXPORT long gcnote_inside(void) { return inside; }
