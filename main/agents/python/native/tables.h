/* Growing columns and hash tables on anonymous memory of our own: no malloc. */
struct column { char *at; u64 used, room; };

static void *jump[5]; /* where a run that is out of memory, or cancelled, comes back to */
static int failure; /* errno of the end of a run */

static void fail(int number) {
    failure = number;
    __builtin_longjmp(jump, 1);
}

static void *map_memory(u64 size) {
    long at = sys6(SYS_MMAP, 0, (long)size, 3, 0x22, -1, 0); /* read|write, private|anonymous */
    if (at < 0 && at > -4096) fail((int)-at);
    return (void *)at;
}

/* Big tables in big pages, where the system has them: they are touched all over. */
enum { HUGE = 16 << 20 };

static void advise_huge(void *at, u64 size) {
    if (size >= HUGE) sys6(SYS_MADVISE, (long)at, (long)size, 14, 0, 0, 0); /* MADV_HUGEPAGE */
}

static void unmap_memory(void *at, u64 size) {
    if (at) sys6(SYS_MUNMAP, (long)at, (long)size, 0, 0, 0, 0);
}

static void column_grow(struct column *c, u64 need) {
    u64 room = c->room ? c->room : 65536;
    while (room < need) room *= 2;
    if (!c->at) c->at = map_memory(room);
    else {
        long at = sys6(SYS_MREMAP, (long)c->at, (long)c->room, (long)room, 1, 0, 0); /* may move */
        if (at < 0 && at > -4096) fail((int)-at);
        c->at = (char *)at;
    }
    c->room = room;
    advise_huge(c->at, room);
}

HOT void *column_add(struct column *c, u64 size) {
    if (c->used + size > c->room) column_grow(c, c->used + size);
    void *at = c->at + c->used;
    c->used += size;
    return at;
}

static void column_drop(struct column *c) {
    unmap_memory(c->at, c->room);
    c->at = 0;
    c->used = c->room = 0;
}

HOT u64 mix(u64 a) {
    a = (a >> 4) * 0x9E3779B97F4A7C15ul;
    return a ^ (a >> 29);
}

/* Address -> number, and (with value 1) sets of addresses. */
struct map { u64 *keys; u32 *values; u64 mask, count; };

static void map_room(struct map *m, u64 slots) {
    m->keys = map_memory(slots * 12);
    m->values = (u32 *)(m->keys + slots);
    m->mask = slots - 1;
}

static void map_drop(struct map *m) {
    unmap_memory(m->keys, (m->mask + 1) * 12);
    m->keys = 0;
    m->mask = m->count = 0;
}

HOT u32 map_get(const struct map *m, u64 key) {
    if (!m->keys) return NONE;
    for (u64 i = mix(key) & m->mask;; i = (i + 1) & m->mask) {
        if (m->keys[i] == key) return m->values[i];
        if (!m->keys[i]) return NONE;
    }
}

static u32 *map_place(struct map *m, u64 key) {
    if (!m->keys) map_room(m, 1024);
    if (m->count * 2 > m->mask) {
        struct map old = *m;
        map_room(m, (old.mask + 1) * 2);
        for (u64 i = 0; i <= old.mask; i++)
            if (old.keys[i]) {
                u64 j = mix(old.keys[i]) & m->mask;
                while (m->keys[j]) j = (j + 1) & m->mask;
                m->keys[j] = old.keys[i];
                m->values[j] = old.values[i];
            }
        unmap_memory(old.keys, (old.mask + 1) * 12);
    }
    u64 i = mix(key) & m->mask;
    while (m->keys[i] && m->keys[i] != key) i = (i + 1) & m->mask;
    if (!m->keys[i]) {
        m->keys[i] = key;
        m->values[i] = 0;
        m->count++;
    }
    return &m->values[i];
}
