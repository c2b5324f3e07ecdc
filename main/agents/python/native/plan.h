/* How to treat the objects of one type: worked out once per type. */
enum { H_NONE, H_LIST, H_TUPLE, H_DICT, H_ITEMS, H_FUNCTION, H_CODE, H_TYPE, H_CELL, H_REF, H_BUILTIN, H_FRAME,
       H_MEMBERS, H_MODULE, H_GENERATOR, H_OBJECT };
enum { Z_PLAIN, Z_LIST, Z_STR, Z_CALL };
enum { M_FIXED, M_STR, M_FUNCTION, M_BUILTIN, M_CODE, M_MODULE, M_CLASS };

struct plan {
    void *type;
    u32 kind, class_sid, name;
    u8 handler, naming, sizing, is_mmap, bare, weak, array, heap, gc, ready, inline_values;
    void *base; /* the built-in container it is laid out as */
    void *fields; /* tuple of names of a named tuple */
    void *(*size_of)(void *, void *);
    i64 header, basic, item;
    u32 first_slot, slot_count;
};
struct slot { i64 offset; u32 name; };

static u32 sid_class, sid_dict, sid_key, sid_referent, sid_callback;

static int starts(const char *s, const char *with) {
    while (*with)
        if (*s++ != *with++) return 0;
    return 1;
}

static int same(const char *a, const char *b) {
    while (*a && *a == *b) a++, b++;
    return *a == *b;
}

/* Types whose C `__sizeof__` is called: built-in ones, the standard library's, numpy's. */
static int trusted(void *t) {
    const char *name = T_NAME(t);
    const char *list = given[G_SIZED].at; /* "array\0collections\0...\0\0" */
    int dot = 0;
    for (const char *p = name; *p; p++) dot |= *p == '.';
    if (!dot) return !(T_FLAGS(t) & FLAG_HEAP);
    for (; *list; list++) {
        const char *p = name;
        while (*list && *list == *p) list++, p++;
        if (!*list && *p == '.') return 1;
        while (*list) list++;
    }
    return 0;
}

static void add_slots(struct plan *p, int all) {
    void *mro = T_MRO(p->type);
    p->first_slot = (u32)(S.slot_list.used / sizeof(struct slot));
    for (i64 i = 0; i < I64(mro, 16); i++) {
        char *m = T_MEMBERS(ITEM(mro, i));
        for (u32 n = 0; m && PTR(m, 0) && n < 4096; m += 40, n++) {
            int type = *(int *)(m + 8);
            const char *name = PTR(m, 0);
            if (type != 6 && type != 16) continue; /* T_OBJECT, T_OBJECT_EX */
            if (!all && (same(name, "__weakref__") || same(name, "__dict__"))) continue;
            name_begin(PREVIEW);
            put_text(name);
            struct slot s = {I64(m, 16), name_end()};
            *(struct slot *)column_add(&S.slot_list, sizeof s) = s;
            p->slot_count++;
        }
    }
}

static void plan_size(struct plan *p) {
    void *t = p->type, *where = 0;
    p->basic = T_BASICSIZE(t);
    p->item = T_ITEMSIZE(t);
    p->header = p->gc ? 16 : 0;
    if (L[L_VERSION] >= 312) {
        if (T_FLAGS(t) & (FLAG_MANAGED_DICT | FLAG_MANAGED_WEAKREF)) p->header += 16;
    } else if (L[L_VERSION] == 311 && T_FLAGS(t) & FLAG_MANAGED_DICT) p->header += 16;
    void *found = find_in_mro(t, "__sizeof__", &where);
    if (!found || TYPE(found) != K[K_METHOD_DESCRIPTOR] || where == K[K_OBJECT]) return;
    if (where == K[K_STR]) p->sizing = Z_STR;
    else if (where == K[K_LIST]) p->sizing = Z_LIST;
    else if (where == K[K_INT]) p->sizing = Z_CALL;
    char *method = PTR(found, 40); /* PyMethodDef: name, function, flags */
    if ((p->sizing == Z_PLAIN || p->sizing == Z_CALL) && *(int *)(method + 16) == 4 && trusted(where) && PyLong_AsSsize_t) {
        p->size_of = (void *(*)(void *, void *))PTR(method, 8); /* METH_NOARGS */
        p->sizing = Z_CALL;
    }
    if (p->sizing == Z_CALL && !p->size_of) p->sizing = Z_PLAIN;
}

static int exact_in(void *t, int first, int last) {
    for (int i = first; i <= last; i++)
        if (t == K[i]) return 1;
    return 0;
}

static u32 plan_for(void *t) {
    struct plan p;
    __builtin_memset(&p, 0, sizeof p);
    p.type = t;
    p.kind = N_OBJECT;
    p.handler = H_OBJECT;
    p.heap = (T_FLAGS(t) & FLAG_HEAP) != 0;
    p.gc = (T_FLAGS(t) & FLAG_GC) != 0;
    p.inline_values = (T_FLAGS(t) & FLAG_MANAGED_DICT) != 0 && L[L_VERSION] >= 311;
    name_begin(300);
    void *mro = T_MRO(t);
    if (!mro || TYPE(mro) != K[K_TUPLE]) {
        put_text(T_NAME(t));
        p.class_sid = p.name = name_end();
        p.handler = H_NONE;
        p.basic = T_BASICSIZE(t);
    } else {
        put_class(t);
        p.class_sid = p.name = name_end();
        p.ready = 1;
        const char *title = S.text.at + ((u64 *)S.text_at.at)[p.class_sid * 2ul];
        if (starts(title, "\"array.array\"") || starts(title, "\"mmap.mmap\"") || starts(title, "\"numpy.ndarray\"")) p.kind = N_NATIVE;
        p.is_mmap = (u8)starts(title, "\"mmap.mmap\"");
        for (i64 i = 0; i < I64(mro, 16); i++) {
            void *base = ITEM(mro, i);
            if (!p.base && (exact_in(base, K_LIST, K_DEQUE))) p.base = base;
            if (base == K[K_WEAKREF] || base == K[K_PROXY] || base == K[K_CALLABLE_PROXY]) p.weak = 1;
            if (base == K[K_NDARRAY] && base) p.array = 1;
        }
        plan_size(&p);
        if (t == K[K_INT] || t == K[K_FLOAT] || t == K[K_COMPLEX] || t == K[K_BOOL]) p.kind = N_NUMBER, p.handler = H_NONE;
        else if (t == K[K_BYTES] || t == K[K_BYTEARRAY]) p.kind = N_NATIVE, p.handler = H_NONE;
        else if (t == K[K_STR]) p.kind = N_STRING, p.naming = M_STR, p.handler = H_NONE;
        else if (t == K[K_LIST]) p.handler = H_LIST;
        else if (t == K[K_TUPLE]) p.handler = H_TUPLE;
        else if (t == K[K_DICT]) p.handler = H_DICT;
        else if (t == K[K_SET] || t == K[K_FROZENSET] || t == K[K_DEQUE]) p.handler = H_ITEMS;
        else if (t == K[K_FUNCTION]) p.kind = N_CLOSURE, p.naming = M_FUNCTION, p.handler = H_FUNCTION;
        else if (t == K[K_BUILTIN]) p.kind = N_CLOSURE, p.naming = M_BUILTIN, p.handler = H_BUILTIN;
        else if (t == K[K_METHOD]) p.kind = N_CLOSURE;
        else if (t == K[K_CODE]) p.kind = N_CODE, p.naming = M_CODE, p.handler = H_CODE;
        else if (t == K[K_CELL]) p.handler = H_CELL;
        else if (t == K[K_FRAME]) p.handler = H_FRAME;
        else if (t == K[K_WEAKREF]) p.handler = H_REF;
        else if (t == K[K_SLICE] || t == K[K_RANGE]) p.handler = H_MEMBERS;
        else if (t == K[K_GENERATOR] || t == K[K_COROUTINE] || t == K[K_ASYNC_GENERATOR]) p.handler = H_GENERATOR;
        else if (t == K[K_TYPE] || T_FLAGS(t) >> 31 & 1) p.naming = M_CLASS, p.handler = H_TYPE;
        else {
            void *solid = t;
            while (T_FLAGS(solid) & FLAG_HEAP && T_BASE(solid)) solid = T_BASE(solid);
            if (solid == K[K_MODULE]) p.naming = M_MODULE, p.handler = H_MODULE;
            else if (p.heap && solid == K[K_OBJECT] && p.gc) {
                i64 room = T_BASICSIZE(t) - 16;
                if (T_DICTOFFSET(t) > 0) room -= 8;
                if (T_WEAKOFFSET(t) > 0) room -= 8;
                p.bare = room <= 0 && !T_ITEMSIZE(t);
            }
        }
        if (p.handler == H_MEMBERS || p.handler == H_CODE || (p.handler == H_OBJECT && !p.bare)) add_slots(&p, 0);
        if (p.base == K[K_TUPLE] && t != K[K_TUPLE]) {
            void *fields = find_in_mro(t, "_fields", 0);
            if (fields && TYPE(fields) == K[K_TUPLE]) {
                p.fields = fields;
                for (i64 i = 0; i < I64(fields, 16); i++)
                    if (TYPE(ITEM(fields, i)) != K[K_STR]) p.fields = 0;
            }
        }
    }
    u32 number = (u32)(S.plans.used / sizeof p);
    *(struct plan *)column_add(&S.plans, sizeof p) = p;
    *map_place(&S.types, (u64)t) = number;
    return number;
}

static i64 plain_size(const struct plan *p, void *o) {
    i64 size = p->basic;
    if (p->item > 0) {
        i64 n = I64(o, 16);
        size += (n < 0 ? -n : n) * p->item;
    }
    return size;
}

static u32 size_of(const struct plan *p, void *o) {
    i64 size, header = p->header;
    struct text t;
    switch (p->sizing) {
    case Z_LIST: size = p->basic + I64(o, 32) * 8; break;
    case Z_STR: {
        u32 state = U32(o, 32);
        if (!read_text(o, &t)) { size = p->basic; break; }
        i64 start = state >> 6 & 1 ? L[L_ASCII] : L[L_WIDE];
        if (!(state >> 5 & 1)) start = L[L_WIDE] + 8; /* not compact: the text is elsewhere */
        size = start + (i64)(t.length + 1) * t.width;
        /* the cached UTF-8 form, where it is not the text itself */
        void *utf8 = (state >> 5 & 3) == 3 ? 0 : PTR(o, L[L_ASCII] + 8);
        if (utf8 && utf8 != t.at) size += I64(o, L[L_ASCII]) + 1;
        break;
    }
    case Z_CALL: {
        void *found = p->size_of(o, 0);
        size = found ? PyLong_AsSsize_t(found) : -1;
        if (found) Py_DecRef(found);
        if (size < 0) {
            if (PyErr_Clear) PyErr_Clear();
            size = plain_size(p, o);
        }
        break;
    }
    default: size = plain_size(p, o);
    }
    if (p->handler == H_TYPE && !(T_FLAGS(o) & FLAG_HEAP) && !L[L_STATIC_PRE]) header = 0;
    if (p->is_mmap && PTR(o, 16)) size += I64(o, 24);
    size += header;
    return size > 0xFFFFFFFFl ? 0xFFFFFFFFu : size < 0 ? 0 : (u32)size;
}
