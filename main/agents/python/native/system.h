/* The kernel and the interpreter as this library sees them: raw system calls and a few weak
 * symbols. In the copy of a process nothing else may be called: another thread may have held any
 * lock of the C library at the moment of the copy. */
typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long u64;
typedef long i64;
typedef unsigned short u16;

#define NONE 0xFFFFFFFFu
#define EXPORT __attribute__((visibility("default")))
#define WEAK __attribute__((weak))
#define HOT static inline __attribute__((always_inline))

typedef int (*visit_fn)(void *, void *);
typedef int (*traverse_fn)(void *, visit_fn, void *);

extern int PyDict_Next(void *, i64 *, void **, void **) WEAK;
extern void *PyType_GetDict(void *) WEAK; /* 3.12+: static types keep no pointer of their own */
extern void Py_DecRef(void *) WEAK;
extern void PyErr_Clear(void) WEAK;
extern void PyMem_SetAllocator(int, void *) WEAK;
extern void PyMem_Free(void *) WEAK;
extern char *PyOS_double_to_string(double, char, int, int, int *) WEAK;
extern i64 PyLong_AsSsize_t(void *) WEAK;

static long sys6(long n, long a, long b, long c, long d, long e, long f) {
#if defined(__x86_64__)
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    long ret;
    __asm__ volatile("syscall" : "=a"(ret) : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return ret;
#elif defined(__aarch64__)
    register long x8 __asm__("x8") = n;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    register long x5 __asm__("x5") = f;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
    return x0;
#else
#error "no system calls for this processor"
#endif
}

#if defined(__x86_64__)
enum { SYS_WRITE = 1, SYS_OPEN_AT = 257, SYS_CLOSE = 3, SYS_MMAP = 9, SYS_MUNMAP = 11, SYS_MREMAP = 25,
       SYS_CLONE = 56, SYS_EXIT_GROUP = 231, SYS_PRCTL = 157, SYS_PRLIMIT = 302, SYS_CLOCK = 228,
       SYS_MADVISE = 28, SYS_CLOSE_RANGE = 436, SYS_GETPPID = 110, SYS_GETPID = 39, SYS_NANOSLEEP = 35, SYS_SETITIMER = 38,
       SYS_SIGACTION = 13, SYS_SIGPROCMASK = 14, SYS_READ_MEMORY = 310 };
#else
enum { SYS_WRITE = 64, SYS_OPEN_AT = 56, SYS_CLOSE = 57, SYS_MMAP = 222, SYS_MUNMAP = 215, SYS_MREMAP = 216,
       SYS_CLONE = 220, SYS_EXIT_GROUP = 94, SYS_PRCTL = 167, SYS_PRLIMIT = 261, SYS_CLOCK = 113,
       SYS_MADVISE = 233, SYS_CLOSE_RANGE = 436, SYS_GETPPID = 173, SYS_GETPID = 172, SYS_NANOSLEEP = 101, SYS_SETITIMER = 103,
       SYS_SIGACTION = 134, SYS_SIGPROCMASK = 135, SYS_READ_MEMORY = 270 };
#endif

static double clock_ms(int clock) {
    i64 t[2] = {0, 0};
    sys6(SYS_CLOCK, clock, (long)t, 0, 0, 0, 0);
    return (double)t[0] * 1000.0 + (double)t[1] / 1e6;
}

static double now_ms(void) { return clock_ms(1); } /* CLOCK_MONOTONIC */
static double cpu_ms(void) { return clock_ms(3); } /* CLOCK_THREAD_CPUTIME_ID */

static void copy(void *to, const void *from, u64 n) { __builtin_memcpy(to, from, n); }

#define PTR(o, off) (*(void **)((char *)(o) + (off)))
#define I64(o, off) (*(i64 *)((char *)(o) + (off)))
#define U32(o, off) (*(u32 *)((char *)(o) + (off)))
#define TYPE(o) PTR(o, 8)

/* PyTypeObject: the same offsets from 3.8 to 3.14 up to tp_mro. */
#define T_NAME(t) ((const char *)PTR(t, 24))
#define T_BASICSIZE(t) I64(t, 32)
#define T_ITEMSIZE(t) I64(t, 40)
#define T_FLAGS(t) (*(u64 *)((char *)(t) + 168))
#define T_TRAVERSE(t) ((traverse_fn)PTR(t, 184))
#define T_MEMBERS(t) ((char *)PTR(t, 240))
#define T_BASE(t) PTR(t, 256)
#define T_DICT(t) PTR(t, 264)
#define T_DICTOFFSET(t) I64(t, 288)
#define T_WEAKOFFSET(t) I64(t, 208)
#define T_ISGC(t) ((int (*)(void *))PTR(t, 328))
#define T_BASES(t) PTR(t, 336)
#define T_MRO(t) PTR(t, 344)
#define FLAG_INLINE_VALUES (1ul << 2) /* 3.13+ */
#define FLAG_MANAGED_WEAKREF (1ul << 3) /* 3.12+ */
#define FLAG_MANAGED_DICT (1ul << 4) /* 3.11+ */
#define FLAG_HEAP (1ul << 9)
#define FLAG_GC (1ul << 14)
#define IMMORTAL (1l << 31)
