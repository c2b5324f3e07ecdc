/* The string table, and reading of str, int and keys without running anything. */
static char line[8192]; /* the name being made, escaped for JSON */
static u32 line_at, line_chars, line_limit;
static u8 line_cut;

static void name_begin(u32 limit) {
    line[0] = '"';
    line_at = 1;
    line_chars = 0;
    line_limit = limit;
    line_cut = 0;
}

static void put_unit(u32 c) {
    static const char hex[] = "0123456789abcdef";
    char *p = line + line_at;
    p[0] = '\\';
    p[1] = 'u';
    p[2] = hex[c >> 12];
    p[3] = hex[c >> 8 & 15];
    p[4] = hex[c >> 4 & 15];
    p[5] = hex[c & 15];
    line_at += 6;
}

static void put(u32 c) {
    if (line_chars >= line_limit || line_at > sizeof line - 32) {
        line_cut = 1;
        return;
    }
    line_chars++;
    if (c >= 32 && c < 127 && c != '"' && c != '\\') {
        line[line_at++] = (char)c;
        return;
    }
    char s = c == '"' || c == '\\' ? (char)c : c == '\n' ? 'n' : c == '\r' ? 'r' : c == '\t' ? 't' : c == '\b' ? 'b'
             : c == '\f' ? 'f' : 0;
    if (s) {
        line[line_at++] = '\\';
        line[line_at++] = s;
    } else if (c > 0xFFFF) {
        c -= 0x10000;
        put_unit(0xD800 | (c >> 10 & 0x3FF));
        put_unit(0xDC00 | (c & 0x3FF));
    } else put_unit(c);
}

static void put_text(const char *s) {
    while (*s) put((u8)*s++);
}

static void put_number(u64 v) {
    char d[24];
    int n = 0;
    do d[n++] = (char)('0' + v % 10);
    while (v /= 10);
    while (n) put((u8)d[--n]);
}

static void texts_grow(void) {
    u64 slots = S.text_slots ? (S.text_mask + 1) * 2 : 1 << 14;
    if (S.text_slots) unmap_memory(S.text_slots, (S.text_mask + 1) * 4);
    S.text_slots = map_memory(slots * 4);
    S.text_mask = slots - 1;
    u64 *at = (u64 *)S.text_at.at; /* end << 32 | hash is too small for big tables: two words */
    for (u32 n = 0; n < S.strings; n++) {
        u64 i = at[n * 2 + 1] & S.text_mask;
        while (S.text_slots[i]) i = (i + 1) & S.text_mask;
        S.text_slots[i] = n + 1;
    }
}

HOT u64 eight(const void *at) {
    u64 word;
    copy(&word, at, 8);
    return word;
}

HOT u64 stir(u64 h, u64 word) {
    h = (h ^ word) * 0x9E3779B97F4A7C15ul;
    return h ^ h >> 29;
}

static u32 intern(const char *s, u32 length) {
    u64 h = length, rest = 0;
    u32 at8 = 0;
    for (; at8 + 8 <= length; at8 += 8) h = stir(h, eight(s + at8));
    for (u32 i = at8; i < length; i++) rest = rest << 8 | (u8)s[i];
    h = stir(h, rest);
    if (!S.text_slots || (u64)S.strings * 2 > S.text_mask) texts_grow();
    u64 i = h & S.text_mask;
    for (; S.text_slots[i]; i = (i + 1) & S.text_mask) {
        u32 n = S.text_slots[i] - 1;
        u64 *at = (u64 *)S.text_at.at + n * 2ul;
        u64 end = n + 1 < S.strings ? at[2] : S.text.used;
        if (at[1] == h && end - at[0] == length && !__builtin_memcmp(S.text.at + at[0], s, length)) return n;
    }
    u64 *at = column_add(&S.text_at, 16);
    at[0] = S.text.used;
    at[1] = h;
    copy(column_add(&S.text, length), s, length);
    S.text_slots[i] = S.strings + 1;
    return S.strings++;
}

static u32 name_end(void) {
    if (line_cut && line_limit == PREVIEW) put_unit(0x2026);
    line[line_at++] = '"';
    return intern(line, line_at);
}

static u32 fixed(const char *s) {
    name_begin(300);
    put_text(s);
    return name_end();
}

struct text { u64 length; const void *at; u32 width; };

HOT int read_text(void *o, struct text *t) {
    u32 state = U32(o, 32);
    t->length = (u64)I64(o, 16);
    t->width = state >> 2 & 7;
    if (L[L_VERSION] < 312 && !(state >> 7 & 1)) return 0; /* an old kind of string, not ready */
    if (t->width != 1 && t->width != 2 && t->width != 4) return 0;
    if (!(state >> 5 & 1)) t->at = PTR(o, L[L_WIDE]);
    else t->at = (char *)o + (state >> 6 & 1 ? L[L_ASCII] : L[L_WIDE]);
    return t->at != 0;
}

HOT u32 char_at(const struct text *t, u64 i) {
    return t->width == 1 ? ((u8 *)t->at)[i] : t->width == 2 ? ((u16 *)t->at)[i] : ((u32 *)t->at)[i];
}

/* Appends characters from..to of a str. */
static void put_str(void *o, u64 from, u64 to) {
    struct text t;
    if (!read_text(o, &t)) return;
    if (to > t.length) to = t.length;
    for (u64 i = from; i < to; i++) put(char_at(&t, i));
}

/* Is one of eight bytes below a space, a quote, a backslash, or above '~'? */
HOT int needs_escape(u64 w) {
    const u64 ones = 0x0101010101010101ul, high = 0x8080808080808080ul;
    u64 quote = w ^ ones * '"', slash = w ^ ones * '\\', del = w ^ ones * 127;
    return ((w | (w - ones * 32) | (quote - ones) | (slash - ones) | (del - ones)) & high) != 0;
}

static u32 str_name(void *o) {
    name_begin(PREVIEW);
    struct text t;
    /* Most are short and plain ASCII: taken as they are, eight at a time. */
    if (read_text(o, &t) && t.width == 1) {
        u32 n = t.length > PREVIEW ? PREVIEW : (u32)t.length, i = 0;
        while (i + 8 <= n && !needs_escape(eight((const char *)t.at + i))) {
            copy(line + 1 + i, (const char *)t.at + i, 8);
            i += 8;
        }
        line_at += i;
        line_chars = i;
        for (; i < n; i++) put(((u8 *)t.at)[i]);
        line_cut = t.length > PREVIEW;
        return name_end();
    }
    put_str(o, 0, PREVIEW + 1);
    return name_end();
}

static int text_is(void *o, const char *s) {
    struct text t;
    if (TYPE(o) != K[K_STR] || !read_text(o, &t)) return 0;
    for (u64 i = 0; i < t.length; i++)
        if (!s[i] || char_at(&t, i) != (u8)s[i]) return 0;
    return !s[t.length];
}

/* Name of a str that may be a node: made once. */
HOT u32 key_name(void *key) {
    u32 n = find(key);
    if (n == NONE) return str_name(key);
    u32 name = NODE(name, n);
    if (name == NONE) name = NODE(name, n) = str_name(key);
    return name;
}

static void *type_dict(void *t) {
    void *d = T_DICT(t);
    if (!d && PyType_GetDict && Py_DecRef) {
        d = PyType_GetDict(t);
        if (d) Py_DecRef(d); /* the type keeps it */
    }
    return d;
}

/* The first entry `name` in the namespaces of the MRO; *where is the class that has it. No hash
 * and no comparison of the program's runs: keys are compared here. */
static void *find_in_mro(void *t, const char *name, void **where) {
    void *mro = T_MRO(t);
    if (!mro || TYPE(mro) != K[K_TUPLE]) return 0;
    for (i64 i = 0; i < I64(mro, 16); i++) {
        void *base = ITEM(mro, i), *d = type_dict(base), *key, *value;
        if (!d) continue;
        for (i64 at = 0; PyDict_Next(d, &at, &key, &value);)
            if (text_is(key, name)) {
                if (where) *where = base;
                return value;
            }
    }
    return 0;
}

static void put_class(void *t) {
    const char *name = T_NAME(t), *dot = 0;
    u32 start = line_chars;
    if (T_FLAGS(t) & FLAG_HEAP) {
        void *d = type_dict(t), *key, *value, *module = 0, *title = PTR(t, L[L_QUALNAME]);
        for (i64 at = 0; d && PyDict_Next(d, &at, &key, &value);)
            if (text_is(key, "__module__")) module = value;
        struct text tt;
        if (module && TYPE(module) == K[K_STR] && read_text(module, &tt) && tt.length && !text_is(module, "builtins")) {
            put_str(module, 0, 300);
            put('.');
        }
        if (title && TYPE(title) == K[K_STR]) put_str(title, 0, 300);
        else put_text(name);
    } else {
        for (const char *p = name; *p; p++)
            if (*p == '.') dot = p;
        const char *plain = "builtins.";
        u32 same = 0;
        while (plain[same] && plain[same] == name[same]) same++;
        put_text(dot && same == 9 && dot == name + 8 ? dot + 1 : name);
    }
    (void)start;
}

static int is_type(void *o) { /* is an object a class? By the MRO of its type. */
    if (TYPE(o) == K[K_TYPE]) return 1;
    return (T_FLAGS(TYPE(o)) >> 31) & 1; /* Py_TPFLAGS_TYPE_SUBCLASS */
}

static u64 int_digits(void *o, int *negative, u32 **digits) {
    *digits = (u32 *)((char *)o + 24);
    if (L[L_TAGGED_INT]) {
        u64 tag = (u64)I64(o, 16);
        *negative = (tag & 3) == 2;
        return tag >> 3;
    }
    i64 size = I64(o, 16);
    *negative = size < 0;
    return (u64)(size < 0 ? -size : size);
}

/* Digits of an int of up to 128 bits; of longer ones the number of bits. */
static void put_int(void *o) {
    u32 *digits;
    int negative;
    u64 n = int_digits(o, &negative, &digits);
    u64 bits = 0;
    if (n) {
        bits = (n - 1) * 30;
        for (u32 d = digits[n - 1]; d; d >>= 1) bits++;
    }
    if (bits > 128) {
        put_text("int of ");
        put_number(bits);
        put_text(" bits");
        return;
    }
    unsigned __int128 v = 0;
    for (u64 i = n; i-- > 0;) v = v << 30 | digits[i];
    char d[48];
    int count = 0;
    /* by hand: 128-bit division would need a library */
    u32 part[4] = {(u32)v, (u32)(v >> 32), (u32)(v >> 64), (u32)(v >> 96)};
    do {
        u64 rest = 0;
        for (int i = 3; i >= 0; i--) {
            u64 here = rest << 32 | part[i];
            part[i] = (u32)(here / 10);
            rest = here % 10;
        }
        d[count++] = (char)('0' + rest);
    } while (part[0] | part[1] | part[2] | part[3]);
    if (negative) put('-');
    while (count) put((u8)d[--count]);
}

static void put_double(double v, int dot) {
    char *s = PyOS_double_to_string ? PyOS_double_to_string(v, 'r', 0, dot ? 2 : 0, 0) : 0;
    put_text(s ? s : "?");
    if (s) PyMem_Free(s);
}

static void put_escape(u32 c, int width) {
    static const char hex[] = "0123456789abcdef";
    put('\\');
    put(width == 2 ? 'x' : width == 4 ? 'u' : 'U');
    for (int i = (width - 1) * 4; i >= 0; i -= 4) put((u8)hex[c >> i & 15]);
}

/* As ascii() and repr() of bytes show it: quotes, escapes. */
static void put_quoted(const struct text *t, u64 limit, int bytes) {
    u32 quote = '\'';
    u64 n = t->length > limit ? limit : t->length;
    int has_single = 0, has_double = 0;
    for (u64 i = 0; i < n; i++) {
        u32 c = char_at(t, i);
        has_single |= c == '\'';
        has_double |= c == '"';
    }
    if (has_single && !has_double) quote = '"';
    put(quote);
    for (u64 i = 0; i < n; i++) {
        u32 c = char_at(t, i);
        if (c == quote || c == '\\') {
            put('\\');
            put(c);
        } else if (c == '\n' || c == '\r' || c == '\t') {
            put('\\');
            put(c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
        } else if (c >= 32 && c < 127) put(c);
        else put_escape(c, bytes || c < 256 ? 2 : c < 0x10000 ? 4 : 8);
    }
    put(quote);
    if (t->length > limit) put(0x2026);
}

static void put_key(void *key, int depth) {
    void *kind = TYPE(key);
    struct text t;
    if (kind == K[K_STR]) {
        if (read_text(key, &t)) put_quoted(&t, 60, 0);
    } else if (kind == K[K_INT]) put_int(key);
    else if (kind == K[K_FLOAT]) put_double(*(double *)((char *)key + 16), 1);
    else if (kind == K[K_BOOL]) {
        u32 *digits;
        int negative;
        put_text(int_digits(key, &negative, &digits) ? "True" : "False");
    } else if (kind == TYPE(K[K_NONE])) put_text("None");
    else if (kind == K[K_COMPLEX]) {
        double re = *(double *)((char *)key + 16), im = *(double *)((char *)key + 24);
        int bare = re == 0 && !__builtin_signbit(re);
        if (!bare) {
            put('(');
            put_double(re, 0);
            if (!__builtin_signbit(im)) put('+');
        }
        put_double(im, 0);
        put_text(bare ? "j" : "j)");
    } else if (kind == K[K_BYTES]) {
        t.length = (u64)I64(key, 16);
        t.at = (char *)key + 32;
        t.width = 1;
        put('b');
        put_quoted(&t, 60, 1);
    } else if (kind == K[K_TUPLE] && depth < 2) {
        i64 n = I64(key, 16);
        put('(');
        for (i64 i = 0; i < n && i < 4; i++) {
            if (i) put_text(", ");
            put_key(ITEM(key, i), depth + 1);
        }
        if (n > 4) {
            put_text(", ");
            put(0x2026);
        }
        put(')');
    } else {
        put('<');
        if (is_type(key)) put_text("class ");
        put_class(is_type(key) ? key : kind);
        put('>');
    }
}

static u32 other_key_name(void *key) {
    name_begin(PREVIEW);
    put('[');
    put_key(key, 0);
    put(']');
    return name_end();
}

/* A key that is an exact int from 0 to 2**31 - 1, or -1. */
static i64 small_index(void *key) {
    u32 *digits;
    int negative;
    if (TYPE(key) != K[K_INT]) return -1;
    u64 n = int_digits(key, &negative, &digits);
    if (negative || n > 2) return -1;
    u64 v = n == 0 ? 0 : n == 1 ? digits[0] : (u64)digits[1] << 30 | digits[0];
    return v <= 0x7FFFFFFF ? (i64)v : -1;
}
