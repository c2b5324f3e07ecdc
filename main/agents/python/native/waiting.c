/* Waits for descriptors without the interpreter's lock, and sees to it that the lock comes soon afterwards (waiting.py).
 *
 * A thread that wants the lock asks its holder for it only when a switch interval (5 ms) has passed in which nobody let go of
 * it. A program that computes and writes a line now and then lets go of it more often, for a microsecond, and has it back
 * before the waiting thread is awake: then the interval begins anew, and the thread waits for a second and longer. So the
 * interval is made short before the lock is asked for; workers.Hurry makes it what it was.
 *
 * Where the interpreter keeps the interval is found by its value, among the interpreter's own variables. */
typedef long i64;
typedef unsigned long u64;

#define EXPORT __attribute__((visibility("default")))
#define WEAK __attribute__((weak))

extern char _PyRuntime WEAK; /* the first byte of it */
extern int dladdr1(const void *, void *, void **, int) WEAK;
extern void *PyFloat_FromDouble(double) WEAK;
extern double PyFloat_AsDouble(void *) WEAK;
extern void *PyObject_CallFunctionObjArgs(void *, ...) WEAK;
extern void Py_DecRef(void *) WEAK;
extern void PyErr_Clear(void) WEAK;

enum { ABI = 1, MOST_BYTES = 4 << 20, SYMBOL_ENTRY = 1, SIZE_IN_ENTRY = 16, EINTR = 4 };

/* Words shared with waiting.py, in the order of its WORDS. */
struct control {
    u64 *interval; /* microseconds; 0: not known */
    u64 quick;
    u64 was;       /* what it was when the last wait made it short; 0: it was short */
    void *descriptors; /* struct pollfd, of which there are `count` */
    i64 count;
    i64 patience;  /* milliseconds, -1: for ever */
};

#if defined(__x86_64__)
enum { SYS_PPOLL = 271 };
static long ppoll(void *fds, long count, void *limit) {
    register long r10 __asm__("r10") = 0;
    register long r8 __asm__("r8") = 8;
    long result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(SYS_PPOLL), "D"(fds), "S"(count), "d"(limit), "r"(r10), "r"(r8) : "rcx", "r11", "memory");
    return result;
}
#elif defined(__aarch64__)
enum { SYS_PPOLL = 73 };
static long ppoll(void *fds, long count, void *limit) {
    register long x8 __asm__("x8") = SYS_PPOLL;
    register long x0 __asm__("x0") = (long)fds;
    register long x1 __asm__("x1") = count;
    register long x2 __asm__("x2") = (long)limit;
    register long x3 __asm__("x3") = 0;
    register long x4 __asm__("x4") = 8;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory");
    return x0;
}
#else
#error "no system calls for this processor"
#endif

EXPORT long waiting_abi(void) { return ABI; }

static int set_to(void *set, double seconds) {
    void *number = PyFloat_FromDouble(seconds + 2e-7), *done; /* it is cut to microseconds */
    if (!number) return 0;
    done = PyObject_CallFunctionObjArgs(set, number, (void *)0);
    Py_DecRef(number);
    if (done) Py_DecRef(done);
    return done != 0;
}

/* The place of the interval: the one word among the interpreter's variables that follows it through all probes; 0: none, or
 * several. The interval is what it was afterwards. With the lock held, and never given away. */
EXPORT i64 waiting_find(void *get, void *set, const i64 *probes, i64 n, u64 **places, i64 room) {
    void *about[4], *entry = 0, *now;
    i64 kept = 0;
    if (!&_PyRuntime || !dladdr1 || !PyFloat_FromDouble || !PyFloat_AsDouble || !PyObject_CallFunctionObjArgs || !Py_DecRef || !PyErr_Clear) return 0;
    if (!dladdr1(&_PyRuntime, about, &entry, SYMBOL_ENTRY) || !entry || about[3] != (void *)&_PyRuntime) return 0;
    u64 size = *(u64 *)((char *)entry + SIZE_IN_ENTRY);
    if (size > MOST_BYTES || !(now = PyObject_CallFunctionObjArgs(get, (void *)0))) {
        PyErr_Clear();
        return 0;
    }
    double usual = PyFloat_AsDouble(now);
    Py_DecRef(now);
    for (i64 p = 0; p < n; p++) {
        if (!set_to(set, (double)probes[p] * 1e-6)) {
            kept = 0;
            break;
        }
        i64 before = kept;
        kept = 0;
        if (!p)
            for (char *at = &_PyRuntime; at + 8 <= &_PyRuntime + size && kept < room; at += 8) {
                if (*(u64 *)at == (u64)probes[p]) places[kept++] = (u64 *)at;
            }
        else
            for (i64 i = 0; i < before; i++)
                if (*places[i] == (u64)probes[p]) places[kept++] = places[i];
    }
    set_to(set, usual);
    PyErr_Clear();
    return kept == 1 ? (i64)places[0] : 0;
}

/* How many descriptors are ready, as ppoll tells it; a negative errno. Without the lock. */
EXPORT long waiting_wait(struct control *c) {
    i64 limit[2] = {c->patience / 1000, c->patience % 1000 * 1000000};
    long ready = ppoll(c->descriptors, c->count, c->patience < 0 ? 0 : limit);
    if (c->interval) {
        u64 now = __atomic_load_n(c->interval, __ATOMIC_RELAXED);
        while (now > c->quick) {
            c->was = now;
            if (__atomic_compare_exchange_n(c->interval, &now, c->quick, 0, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) return ready == -EINTR ? 0 : ready;
        }
        c->was = 0;
    }
    return ready == -EINTR ? 0 : ready;
}
