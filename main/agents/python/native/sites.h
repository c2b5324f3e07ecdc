/* Stacks of allocations: which call of the allocation library's tree each node was allocated in, and the calls and
 * functions the file then speaks of. All is read while the interpreter stands still; write.h needs only our columns. */
enum { SITES_RECORDED = 1, SITES_SAMPLED = 2 };
struct call { void *code; u32 parent, line; }; /* as in stacks.h */
struct traced { u32 parent, info, first, next; u64 hundredths; double bytes; }; /* first, next: calls it made; 0: none */
struct info { u32 name, file, line; };

static u32 text_of(void *o) {
    name_begin(300);
    if (o && TYPE(o) == K[K_STR]) put_str(o, 0, 300);
    return name_end();
}

static u32 code_name(void *code) {
    void *qualified = L[L_VERSION] >= 311 ? PTR(code, L[L_CODE_NAME] + 8) : 0;
    return text_of(qualified && TYPE(qualified) == K[K_STR] ? qualified : PTR(code, L[L_CODE_NAME]));
}

static u32 add_info(u32 name, u32 file, u32 line) {
    *(struct info *)column_add(&S.infos, sizeof(struct info)) = (struct info){name, file, line};
    return (u32)(S.infos.used / sizeof(struct info)) - 1;
}

#define TRACED(n) (((struct traced *)S.traced.at)[n])

static void find_sites(void) {
    u64 given_words[5] = {0, 0, 0, 0, 0};
    if (!given[G_SITES].n) return;
    ((void (*)(u64, u64 *))given[G_SITES].n)((u64)given[G_SITES_KIND].n, given_words);
    u32 many = S.nodes - S.synthetic;
    int sampled = given[G_SITES_KIND].n == SITES_SAMPLED;
    if (sampled && S.nodes > 0xFFFFFFFFu / (STRIDE + 1)) fail(75); /* positions in the file are 32 bits: EOVERFLOW */
    u32 *site = column_add(&S.site, (u64)S.nodes * 4), *weight = sampled ? column_add(&S.weight, (u64)S.nodes * 4) : 0;
    if (!given_words[0]) return;
    ((void (*)(const u64 *, u32 *, u32 *, u64))given_words[0])(
        (u64 *)S.addr.at + S.synthetic, site + S.synthetic, sampled ? weight + S.synthetic : 0, many);

    const struct call *calls = (struct call *)given_words[1];
    u64 count = given_words[2];
    u32 *number = map_memory(count * 4); /* 1: spoken of, later its number in the file */
    for (u32 n = S.synthetic; n < S.nodes; n++) {
        if (site[n] >= count) site[n] = 0;
        number[site[n]] = 1;
    }
    for (u64 i = count - 1; i > 0; i--)
        if (number[i]) number[calls[i].parent] = 1;

    struct map code_numbers = {0, 0, 0, 0}, known = {0, 0, 0, 0};
    struct column code_texts = {0, 0, 0};
    u32 nothing = fixed(""), titles[2] = {fixed("(outer frames left out)"), fixed("(no Python code)")};
    add_info(fixed("(root)"), nothing, 0);
    u32 next = 0;
    for (u64 i = 0; i < count; i++) {
        if (i && !number[i]) continue;
        number[i] = next++;
        struct traced *made = column_add(&S.traced, sizeof *made);
        *made = (struct traced){.parent = i ? number[calls[i].parent] : 0};
        if (!i) continue;
        if (!calls[i].code) {
            made->info = add_info(titles[calls[i].line == 2], nothing, 0);
            continue;
        }
        u32 *code = map_place(&code_numbers, (u64)calls[i].code);
        if (!*code) {
            u32 *texts = column_add(&code_texts, 8);
            texts[0] = code_name(calls[i].code);
            texts[1] = text_of(PTR(calls[i].code, L[L_CODE_FILE]));
            *code = (u32)(code_texts.used / 8);
        }
        u32 *info = map_place(&known, ((u64)*code << 32 | calls[i].line) << 4);
        if (!*info) {
            u32 *texts = (u32 *)code_texts.at + (*code - 1) * 2ul;
            *info = add_info(texts[0], texts[1], calls[i].line);
        }
        made->info = *info;
    }
    for (u32 i = next; i-- > 1;) {
        TRACED(i).next = TRACED(TRACED(i).parent).first;
        TRACED(TRACED(i).parent).first = i;
    }
    for (u32 n = S.synthetic; n < S.nodes; n++) {
        site[n] = number[site[n]];
        if (!site[n]) continue;
        u32 stands_for = sampled ? weight[n] : 100;
        TRACED(site[n]).hundredths += stands_for;
        TRACED(site[n]).bytes += stands_for / 100.0 * NODE(size, n);
    }
    /* the library holds each code object it speaks of */
    void **held = (void **)given_words[3];
    for (u64 i = 0; held && i < given_words[4]; i++) {
        u32 n = held[i] ? find(held[i]) : NONE;
        if (n == NONE || n < S.synthetic || NODE(refs, n) >= (u32)IMMORTAL || NODE(refs, n) < 2) continue;
        NODE(refs, n)--;
    }
    unmap_memory(number, count * 4);
    if (code_numbers.keys) map_drop(&code_numbers);
    if (known.keys) map_drop(&known);
    column_drop(&code_texts);
}

static void write_call(u32 n) {
    const struct traced *call = &TRACED(n);
    out_big(n + 1);
    out_text(",", 1);
    out_big(call->info);
    out_text(",", 1);
    out_big((call->hundredths + 50) / 100);
    out_text(",", 1);
    out_big((u64)(call->bytes + 0.5));
    out_text(",[", 2);
    for (u32 child = call->first; child; child = TRACED(child).next) {
        if (child != call->first) out_text(",", 1);
        write_call(child);
    }
    out_text("]", 1);
}

static void write_sites(void) {
    u32 infos = (u32)(S.infos.used / sizeof(struct info));
    out_string("],\n\"trace_function_infos\":[");
    for (u32 i = 0; i < infos; i++) {
        const struct info *info = (struct info *)S.infos.at + i;
        u32 fields[6] = {i, info->name, info->file, i ? info->file : 0, info->line, 0}; /* a script is a file */
        out_room(128);
        for (int f = 0; f < 6; f++) {
            if (i || f) out_char(',');
            out_number(fields[f]);
        }
    }
    out_string("],\n\"trace_tree\":[");
    if (S.traced.used) write_call(0);
    out_string("]");
}
