/* Takes classes apart as the collector would, for undo.py: a class holds itself (by its tuple of bases, its descriptors), and
 * only the `tp_clear` of its type lets go of that. With the interpreter's lock held; the caller holds each class, and
 * nothing uses it afterwards but its end. */
#define EXPORT __attribute__((visibility("default")))

/* PyTypeObject, the same from 3.8 to 3.15 (release builds with the lock). */
enum { ABI = 1, TYPE = 8, FLAGS = 168, CLEAR = 192 };
#define HEAP_TYPE (1ul << 9)
#define HAS_COLLECTOR (1ul << 14)
#define IS_CLASS (1ul << 31)
#define WORD(o, off) (*(unsigned long *)((char *)(o) + (off)))

EXPORT long undo_abi(void) { return ABI; }

EXPORT void undo_clear(void **classes, long n) {
    for (long i = 0; i < n; i++) {
        void *type = (void *)WORD(classes[i], TYPE);
        int (*clear)(void *) = (int (*)(void *))WORD(type, CLEAR);
        if (clear && WORD(classes[i], FLAGS) & HEAP_TYPE && WORD(type, FLAGS) & IS_CLASS && WORD(type, FLAGS) & HAS_COLLECTOR) clear(classes[i]);
    }
}
