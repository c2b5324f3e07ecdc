/* The edges of one object, with the names and kinds docs/python-heap.md tells of. */
static struct { i64 layout; const char *name; u32 sid; } function_fields[] = {
    {L_F_CODE, "__code__", 0}, {L_F_GLOBALS, "__globals__", 0}, {L_F_BUILTINS, "__builtins__", 0},
    {L_F_CLOSURE, "__closure__", 0}, {L_F_DEFAULTS, "__defaults__", 0}, {L_F_KWDEFAULTS, "__kwdefaults__", 0},
    {L_F_DOC, "__doc__", 0}, {L_F_MODULE, "__module__", 0}, {L_F_DICT, "__dict__", 0},
    {L_F_ANNOTATIONS, "__annotations__", 0}, {L_F_NAME, "__name__", 0}, {L_F_QUALNAME, "__name__", 0}};
#define FUNCTION_FIELDS (sizeof function_fields / sizeof *function_fields)
static u32 sid_mro, sid_bases, sid_base, sid_self, sid_cell, sid_dtype, sid_array_base, sid_gen[6], sid_frame[4];

static int see(void *o, void *arg) {
    *(void **)column_add(arg, 8) = o;
    return 0;
}

#define SEEN ((void **)S.refs_seen.at)
static u64 seen_count;
static u8 seen_hashed;

static void forget_seen(void) {
    S.refs_seen.used = seen_count = 0;
    if (seen_hashed && S.count.keys) map_drop(&S.count);
    seen_hashed = 0;
}

/* What the collector would be told about an object. */
static void gather(void *o) {
    forget_seen();
    void *t = TYPE(o);
    if (T_FLAGS(t) & FLAG_GC && T_TRAVERSE(t) && (!T_ISGC(t) || T_ISGC(t)(o))) T_TRAVERSE(t)(o, see, &S.refs_seen);
    seen_count = S.refs_seen.used / 8;
    if (seen_count > 48) {
        seen_hashed = 1;
        for (u64 i = 0; i < seen_count; i++) ++*map_place(&S.count, (u64)SEEN[i]);
    }
}

/* Takes one reference to `o` off what was gathered; 0 when there is none left. */
static int take(void *o) {
    if (seen_hashed) {
        if (map_get(&S.count, (u64)o) == NONE) return 0;
        u32 *left = map_place(&S.count, (u64)o);
        if (!*left) return 0;
        --*left;
        return 1;
    }
    for (u64 i = 0; i < seen_count; i++)
        if (SEEN[i] == o) {
            SEEN[i] = 0;
            return 1;
        }
    return 0;
}

static void hide_rest(void) {
    u32 position = 0;
    for (u64 i = 0; i < seen_count; i++) {
        void *o = SEEN[i];
        if (!o || (seen_hashed && !take(o))) continue;
        link(E_HIDDEN, position++, o);
    }
}

enum { AHEAD = 8 };

HOT void elements(void **items, i64 n) {
    for (i64 i = 0; i < n && i < AHEAD; i++) soon(items[i]);
    for (i64 i = 0; i < n; i++) {
        if (i + AHEAD < n) soon(items[i + AHEAD]);
        if (items[i]) link(E_ELEMENT, (u32)i, items[i]);
    }
}

static void entry(void *key, void *value) {
    u32 to = enter(value), node = find(key), name = NONE;
    if (to != NONE) {
        i64 index;
        if (TYPE(key) == K[K_STR]) {
            name = node == NONE ? NONE : NODE(name, node);
            if (name == NONE) name = str_name(key);
            edge_to(E_PROPERTY, name, to);
        } else if ((index = small_index(key)) >= 0) edge_to(E_ELEMENT, (u32)index, to);
        else edge_to(E_PROPERTY, other_key_name(key), to);
    }
    if (node == NONE) node = enter(key); /* `value` may have been the same object */
    if (node == NONE) return;
    if (name != NONE) NODE(name, node) = name; /* made once */
    edge_to(E_INTERNAL, sid_key, node);
}

static void entries(void *d) {
    void *key[AHEAD], *value[AHEAD];
    for (i64 at = 0, n = AHEAD; n == AHEAD;) {
        for (n = 0; n < AHEAD && PyDict_Next(d, &at, &key[n], &value[n]); n++) {
            soon(key[n]);
            soon(value[n]);
            __builtin_prefetch(key[n]);
        }
        for (i64 i = 0; i < n; i++) entry(key[i], value[i]);
    }
}

HOT void attribute(void *key, void *value) {
    u32 to = enter(value);
    if (to != NONE) edge_to(E_PROPERTY, TYPE(key) == K[K_STR] ? key_name(key) : other_key_name(key), to);
    if (find(key) == NONE) link(E_INTERNAL, sid_key, key);
}

static void attributes(void *d) {
    void *key, *value;
    for (i64 at = 0; PyDict_Next(d, &at, &key, &value);) attribute(key, value);
}

static int is_dict(void *o) { return T_FLAGS(TYPE(o)) >> 29 & 1; }

/* The `__dict__` edge; the entries of a dict that only its owner holds go to the owner. */
static int namespace(void *d) {
    int fold = TYPE(d) == K[K_DICT] && REFS(d) <= 1 && find(d) == NONE;
    u32 to = enter(d);
    if (to == NONE) return 0;
    edge_to(E_INTERNAL, sid_dict, to);
    if (!fold) return 0;
    NODE(plan, to) = FOLDED;
    attributes(d);
    return 1;
}

/* Inline values (3.11+): names from the keys the class shares. Returns how many. */
static void inline_values(void *o, void *t, int link_them) {
    char *keys = PTR(t, L[L_KEYS]), *values;
    if (!keys) return;
    if (L[L_VERSION] >= 313) {
        if (!(T_FLAGS(t) & FLAG_INLINE_VALUES)) return;
        values = (char *)o + T_BASICSIZE(t);
        if (!((u8 *)values)[3]) return; /* not valid any more */
    } else {
        values = PTR(o, L[L_VALUES_WORD]);
        if (L[L_VERSION] == 312) {
            if (!((u64)values & 1)) return;
            values += 1;
        }
        if (!values) return;
    }
    values += L[L_VALUES_START];
    u64 n = *(u64 *)(keys + 24);
    if (n > 4096) return;
    char *entry = keys + 32 + (1ul << ((u8 *)keys)[9]);
    for (u64 i = 0; i < n; i++, entry += 16) {
        void *value = PTR(values, i * 8), *key = PTR(entry, 0);
        if (!value || !key || !take(value)) continue;
        if (link_them) attribute(key, value);
    }
}

static void *dict_of(void *o, void *t) {
    i64 offset = T_DICTOFFSET(t);
    if (L[L_VERSION] >= 311 && T_FLAGS(t) & FLAG_MANAGED_DICT) {
        void *d = PTR(o, L[L_DICT_WORD]);
        return (u64)d & 1 ? 0 : d;
    }
    if (!offset) return 0;
    if (offset < 0) {
        i64 n = I64(o, 16);
        i64 size = (T_BASICSIZE(t) + (n < 0 ? -n : n) * T_ITEMSIZE(t) + 7) & ~7l;
        offset += size;
    }
    return PTR(o, offset);
}

static void own_dict(void *o, void *t) {
    if (!T_DICTOFFSET(t) && !(T_FLAGS(t) & FLAG_MANAGED_DICT && L[L_VERSION] >= 311)) return;
    void *d = dict_of(o, t);
    if (d && is_dict(d)) {
        take(d);
        namespace(d);
        if (L[L_VERSION] >= 313) inline_values(o, t, 0); /* the dict and the object share them */
    } else if (L[L_VERSION] >= 311) inline_values(o, t, 1);
}

static void slots_of(const struct plan *p, void *o, int held, u32 type) {
    struct slot *s = (struct slot *)S.slot_list.at + p->first_slot;
    for (u32 i = 0; i < p->slot_count; i++) {
        void *value = PTR(o, s[i].offset);
        if (value && (take(value) || !held)) link(type, s[i].name, value);
    }
}

static void array_edges(void *o) {
    void *base = PTR(o, 48), *dtype = PTR(o, 56);
    char *data = PTR(o, 16);
    int dims = *(int *)((char *)o + 24);
    i64 *shape = PTR(o, 32), *strides = PTR(o, 40), at[64];
    if (base) link(E_INTERNAL, sid_array_base, base);
    link(E_INTERNAL, sid_dtype, dtype);
    if (((char *)dtype)[25] != 'O' || dims < 0 || dims > 64 || !data) return;
    for (int i = 0; i < dims; i++) {
        if (shape[i] <= 0) return;
        at[i] = 0;
    }
    for (u32 n = 0; n < 0x7FFFFFFF; n++) {
        char *item = data;
        for (int i = 0; i < dims; i++) item += at[i] * strides[i];
        void *value;
        copy(&value, item, 8); /* may be unaligned */
        if (value) link(E_ELEMENT, n, value);
        int i = dims - 1;
        for (; i >= 0 && ++at[i] == shape[i]; i--) at[i] = 0;
        if (i < 0) return;
    }
}

static void weak_edge(void *o) {
    void *to = PTR(o, 16);
    if (!to || to == K[K_NONE] || map_get(&S.own, (u64)to) != NONE) return;
    struct pending later = {S.e_count, to};
    *(struct pending *)column_add(&S.pending, sizeof later) = later;
    edge_to(E_WEAK, sid_referent, 0);
}

static void object_edges(const struct plan *p, void *o) {
    void *t = p->type;
    gather(o);
    if (p->weak) {
        weak_edge(o);
        void *callback = PTR(o, 24);
        if (callback && take(callback)) link(E_INTERNAL, sid_callback, callback);
    }
    if (p->array) array_edges(o);
    if (p->bare) {
        take(t);
        link(E_INTERNAL, sid_class, t);
        own_dict(o, t);
        hide_rest();
        return;
    }
    if (p->base == K[K_DICT]) {
        void *key, *value;
        entries(o);
        for (i64 at = 0; PyDict_Next(o, &at, &key, &value);) {
            take(key);
            take(value);
        }
    } else if (p->base == K[K_LIST] || p->base == K[K_TUPLE]) {
        void **items = p->base == K[K_LIST] ? PTR(o, 24) : &ITEM(o, 0);
        i64 n = I64(o, 16);
        if (p->fields && I64(p->fields, 16) == n) {
            for (i64 i = 0; i < n; i++)
                if (items[i]) link(E_PROPERTY, key_name(ITEM(p->fields, i)), items[i]);
        } else elements(items, n);
        for (i64 i = 0; i < n; i++) take(items[i]);
    } else if (p->base) {
        S.content.used = 0;
        T_TRAVERSE(p->base)(o, see, &S.content);
        u64 n = S.content.used / 8, from = 0;
        void **items = (void **)S.content.at;
        if (n && items[0] == t && p->base == K[K_DEQUE]) from = 1;
        elements(items + from, (i64)(n - from));
        for (u64 i = from; i < n; i++) take(items[i]);
    }
    slots_of(p, o, p->gc, E_PROPERTY);
    if (p->heap) {
        take(t);
        link(E_INTERNAL, sid_class, t);
    }
    own_dict(o, t);
    hide_rest();
}

static void function_edges(void *o) {
    gather(o);
    for (u32 i = 0; i < FUNCTION_FIELDS; i++) {
        if (L[function_fields[i].layout] < 0) continue;
        void *value = PTR(o, L[function_fields[i].layout]);
        if (value && value != K[K_NONE] && take(value)) link(E_INTERNAL, function_fields[i].sid, value);
    }
    while (take(K[K_NONE])) {}
    hide_rest();
    void *closure = PTR(o, L[L_F_CLOSURE]), *code = PTR(o, L[L_F_CODE]);
    if (!S.is_virtual || !closure || TYPE(closure) != K[K_TUPLE]) return;
    void *names = PTR(code, L[L_VERSION] >= 311 ? L[L_CODE_LOCALS] : L[L_CODE_FREE]);
    if (!names || TYPE(names) != K[K_TUPLE]) return;
    i64 n = I64(closure, 16), skip = I64(names, 16) - n; /* 3.11+: free variables come last */
    if (skip < 0) return;
    for (i64 i = 0; i < n; i++) {
        void *name = ITEM(names, skip + i);
        if (TYPE(name) == K[K_STR]) link(E_CONTEXT, key_name(name), ITEM(closure, i));
    }
}

static void type_edges(void *o) {
    void *mro = T_MRO(o), *bases = T_BASES(o), *base = T_BASE(o), *d = type_dict(o), *meta = TYPE(o);
    if (!mro || TYPE(mro) != K[K_TUPLE]) return;
    if (!(T_FLAGS(o) & FLAG_HEAP)) {
        forget_seen();
        if (d) namespace(d);
        link(E_INTERNAL, sid_mro, mro);
        if (bases) link(E_INTERNAL, sid_bases, bases);
        if (base) link(E_INTERNAL, sid_base, base);
        return;
    }
    gather(o);
    if (d) {
        take(d);
        if (!namespace(d) && S.is_virtual) attributes(d);
    }
    if (T_FLAGS(meta) & FLAG_HEAP) {
        take(meta);
        link(E_INTERNAL, sid_class, meta);
    }
    if (take(mro)) link(E_INTERNAL, sid_mro, mro);
    if (bases && take(bases)) link(E_INTERNAL, sid_bases, bases);
    if (base && take(base)) link(E_INTERNAL, sid_base, base);
    hide_rest();
}

/* What a word of a frame refers to. 3.14+ marks borrowed references and plain numbers in the low bits. */
HOT void *untagged(void *word) {
    u64 bits = (u64)word;
    if (L[L_VERSION] < 314) return word;
    return (bits & 3) > 1 ? 0 : (void *)(bits & ~1ul);
}

/* Variables of a frame: named where the name is known and the collector knows the value. */
static void locals_of(void **values, void *names, u64 *at) {
    if (!names || TYPE(names) != K[K_TUPLE]) return;
    i64 n = I64(names, 16);
    for (i64 i = 0; i < n; i++, ++*at) {
        void *value = untagged(values[*at]), *name = ITEM(names, i);
        if (value && TYPE(name) == K[K_STR] && take(value)) link(E_CONTEXT, key_name(name), value);
    }
}

static void generator_edges(void *o) {
    u32 kind = TYPE(o) == K[K_GENERATOR] ? 0 : TYPE(o) == K[K_COROUTINE] ? 1 : 2;
    gather(o);
    void *code = PTR(o, L[L_GEN_CODE]);
    if (L[L_GEN_FRAME] >= 0) {
        void *frame = PTR(o, L[L_GEN_FRAME]);
        if (frame && take(frame)) link(E_INTERNAL, sid_gen[kind * 2 + 1], frame);
    }
    if (code && TYPE(code) == K[K_CODE]) {
        if (L[L_GEN_LOCALS] >= 0 && seen_count) {
            u64 at = 0;
            locals_of((void **)((char *)o + L[L_GEN_LOCALS]), PTR(code, L[L_CODE_LOCALS]), &at);
        }
        take(code);
        link(E_INTERNAL, sid_gen[kind * 2], code);
    }
    hide_rest();
}

static void frame_edges(void *o) {
    gather(o);
    char *inner = L[L_FRAME_INNER] >= 0 ? PTR(o, L[L_FRAME_INNER]) : o;
    i64 fields[4] = {L_FRAME_CODE, L_FRAME_GLOBALS, L_FRAME_BUILTINS, L_FRAME_BACK};
    if (!inner || !seen_count) return;
    for (u32 i = 0; i < 4; i++) {
        if (L[fields[i]] < 0) continue;
        void *value = i ? PTR(i < 3 ? inner : o, L[fields[i]]) : untagged(PTR(inner, L[L_FRAME_CODE]));
        if (value && take(value)) link(E_INTERNAL, sid_frame[i], value);
    }
    void *code = untagged(PTR(inner, L[L_FRAME_CODE])), **values = (void **)(inner + L[L_FRAME_LOCALS]);
    u64 at = 0;
    if (code && TYPE(code) == K[K_CODE]) {
        locals_of(values, PTR(code, L[L_CODE_LOCALS]), &at);
        if (L[L_VERSION] < 311) {
            locals_of(values, PTR(code, L[L_CODE_CELLS]), &at);
            locals_of(values, PTR(code, L[L_CODE_FREE]), &at);
        }
    }
    hide_rest();
}

static void edges_of(const struct plan *p, void *o, u32 node) {
    switch (p->handler) {
    case H_NONE: return;
    case H_LIST: elements(PTR(o, 24), I64(o, 16)); return;
    case H_TUPLE: elements(&ITEM(o, 0), I64(o, 16)); return;
    case H_DICT:
        if (NODE(plan, node) != FOLDED) entries(o);
        return;
    case H_ITEMS: {
        gather(o);
        u64 from = seen_count && SEEN[0] == p->type && p->heap ? 1 : 0;
        if (seen_count && !p->heap && p->type == K[K_DEQUE] && SEEN[0] == p->type) from = 1;
        elements(SEEN + from, (i64)(seen_count - from));
        return;
    }
    case H_FUNCTION: function_edges(o); return;
    case H_CODE: forget_seen(); slots_of(p, o, 0, E_INTERNAL); return;
    case H_TYPE: type_edges(o); return;
    case H_CELL:
        if (PTR(o, 16)) link(E_PROPERTY, sid_cell, PTR(o, 16));
        return;
    case H_REF: {
        gather(o);
        weak_edge(o);
        void *callback = PTR(o, 24);
        if (callback && take(callback)) link(E_INTERNAL, sid_callback, callback);
        hide_rest();
        return;
    }
    case H_BUILTIN: {
        gather(o);
        void *holder = PTR(o, 24);
        if (holder && take(holder)) link(E_INTERNAL, sid_self, holder);
        hide_rest();
        return;
    }
    case H_FRAME: frame_edges(o); return;
    case H_MEMBERS: forget_seen(); slots_of(p, o, 0, E_PROPERTY); return;
    case H_MODULE: {
        gather(o);
        void *d = PTR(o, 16);
        if (d && TYPE(d) == K[K_DICT]) {
            take(d);
            link(E_INTERNAL, sid_dict, d);
            if (S.is_virtual) attributes(d);
        }
        hide_rest();
        return;
    }
    case H_GENERATOR: generator_edges(o); return;
    default: object_edges(p, o);
    }
}

static u32 name_of(const struct plan *p, void *o) {
    switch (p->naming) {
    case M_STR: return str_name(o);
    case M_FUNCTION: {
        void *name = PTR(o, L[L_F_QUALNAME]);
        return name && TYPE(name) == K[K_STR] ? key_name(name) : p->name;
    }
    case M_BUILTIN: {
        char *method = PTR(o, 16);
        name_begin(PREVIEW);
        put_text(method ? PTR(method, 0) : "builtin");
        return name_end();
    }
    case M_CODE: {
        void *file = PTR(o, L[L_CODE_FILE]), *name = PTR(o, L[L_CODE_NAME]);
        struct text t;
        name_begin(300);
        if (name && TYPE(name) == K[K_STR]) put_str(name, 0, PREVIEW);
        put_text(" (");
        if (file && TYPE(file) == K[K_STR] && read_text(file, &t)) put_str(file, t.length > 120 ? t.length - 120 : 0, t.length);
        put(':');
        int at = *(int *)((char *)o + L[L_CODE_LINE]);
        put_number((u64)(at < 0 ? 0 : at));
        put(')');
        return name_end();
    }
    case M_MODULE: {
        void *d = PTR(o, 16), *key, *value, *name = 0;
        if (d && TYPE(d) == K[K_DICT])
            for (i64 at = 0; PyDict_Next(d, &at, &key, &value);)
                if (text_is(key, "__name__")) {
                    name = value;
                    break;
                }
        name_begin(300);
        put_text("module ");
        if (name && TYPE(name) == K[K_STR]) put_str(name, 0, PREVIEW);
        else put('?');
        return name_end();
    }
    case M_CLASS:
        name_begin(300);
        put_text("class ");
        put_class(o);
        return name_end();
    default: return p->name;
    }
}
