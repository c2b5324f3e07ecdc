/* What the walk itself tied to a root, or nothing. */
static struct column *found_edges(u32 n) {
    return n == HELD ? &S.held_edges : n == GARBAGE ? &S.garbage_edges : n == INTERNED ? &S.interned_edges : 0;
}

/* The columns as `.heapsnapshot` text, then the answer for the agent. */
static void write_snapshot(void) {
    u64 total_edges = S.e_count;
    u32 *counts = given[G_COUNTS].at; /* edges of each synthetic node, without what follows */
    for (u32 i = 0; i < S.synthetic; i++) total_edges += counts[i];
    total_edges += (S.held_edges.used + S.garbage_edges.used + S.interned_edges.used) / 4;
    int weighted = given[G_SITES_KIND].n == SITES_SAMPLED;
    u32 stride = weighted ? STRIDE + 1 : STRIDE;
    const u32 *site = (u32 *)S.site.at, *weight = (u32 *)S.weight.at;
    if (!out.at) column_grow(&out, OUT_ROOM + 65536);
    out.used = 0;

    /* ids: pieces of 1 MiB numbered in the order of first sight */
    struct map granules = {0, 0, 0, 0};
    struct column fresh = {0, 0, 0};
    u64 *known = given[G_GRANULES].at, last = ~0ul, full = 0;
    u32 last_number = 0, next = (u32)given[G_GRANULES].n;
    for (u32 i = 0; i < next; i++) *map_place(&granules, (known[i] << 4) + 16) = i + 1;
    for (u32 n = S.synthetic; n < S.nodes; n++) {
        u64 g = (u64)ADDR(n) >> 20;
        if (g == last) continue;
        last = g;
        if (map_get(&granules, (g << 4) + 16) != NONE) continue;
        if (next >= 65535) {
            full = 1;
            *map_place(&granules, (g << 4) + 16) = 65535;
            continue;
        }
        *map_place(&granules, (g << 4) + 16) = ++next;
        *(u64 *)column_add(&fresh, 8) = g;
    }

    out_text(given[G_HEAD].at, (u64)given[G_HEAD].n);
    out_big(S.nodes);
    out_string(",\"edge_count\":");
    out_big(total_edges);
    out_string(",\"trace_function_count\":");
    out_big(S.infos.used / sizeof(struct info));
    out_text(given[G_MIDDLE].at, (u64)given[G_MIDDLE].n);
    out_string(full ? "false}" : "true}");
    if (S.pause >= 0) {
        out_string(",\"pauseMs\":");
        out_ms(S.pause);
    }
    out_text(given[G_TAIL].at, (u64)given[G_TAIL].n);

    out_string(",\n\"nodes\":[");
    u32 root_class = fixed("(root)"), *titles = counts + S.synthetic;
    for (u32 n = 0; n < S.synthetic; n++) {
        struct column *more = found_edges(n);
        u32 edges = counts[n] + (u32)(more ? more->used / 4 : 0);
        u32 fields[STRIDE + 1] = {N_SYNTHETIC, titles[n], n * 2 + 1, 0, edges, 0, 0, 0, root_class, 0};
        out_room(128);
        if (n) out_char(',');
        for (u32 f = 0; f < stride; f++) {
            if (f) out_char(',');
            out_number(fields[f]);
        }
    }
    last = ~0ul;
    for (u32 n = S.synthetic; n < S.nodes; n++) {
        const struct plan *p = (struct plan *)S.plans.at + NODE(plan, n);
        u64 address = (u64)ADDR(n), g = address >> 20;
        if (g != last) {
            last = g;
            last_number = map_get(&granules, (g << 4) + 16);
        }
        struct node node = ((struct node *)S.node.at)[n];
        out_room(128);
        char *at = out.at + out.used;
        *at++ = ',';
        at = digits(at, p->kind);
        *at++ = ',';
        at = digits(at, node.name);
        *at++ = ',';
        at = digits(at, last_number << 16 | (u32)(address >> 4 & 0xFFFF));
        *at++ = ',';
        at = digits(at, node.size);
        *at++ = ',';
        at = digits(at, node.edges);
        *at++ = ',';
        at = digits(at, site && site[n] ? site[n] + 1 : 0);
        copy(at, ",0,", 3);
        at = digits(at + 3, node.refs >= (u32)IMMORTAL ? 0 : node.refs);
        *at++ = ',';
        at = digits(at, p->class_sid);
        if (weighted) {
            *at++ = ',';
            at = digits(at, site && site[n] ? weight[n] : 0);
        }
        out.used = (u64)(at - out.at);
        if (!(n & 8191)) tick((u64)S.nodes + n, 2 * (u64)S.nodes);
    }

    out_string("],\n\"edges\":[");
    u32 *edge = given[G_EDGES].at; /* type, name, ordinal */
    int comma = 0;
    for (u32 n = 0; n < S.synthetic; n++) {
        for (u32 i = 0; i < counts[n]; i++, edge += 3) {
            out_room(64);
            if (comma++) out_char(',');
            out_number(edge[0]);
            out_char(',');
            out_number(edge[1]);
            out_char(',');
            out_number(edge[2] * stride);
        }
        struct column *more = found_edges(n);
        for (u64 i = 0; more && i < more->used / 4; i++) {
            out_room(64);
            out_string(",1,");
            out_number((u32)i);
            out_char(',');
            out_number(((u32 *)more->at)[i] * stride);
        }
    }
    for (u64 e = 0; e < S.e_count; e++) {
        out_room(64);
        char *at = out.at + out.used;
        *at++ = ',';
        *at++ = (char)('0' + EDGE_TYPE(e));
        *at++ = ',';
        at = digits(at, EDGE(e).name);
        *at++ = ',';
        at = digits(at, EDGE_TO(e) * stride);
        out.used = (u64)(at - out.at);
        if (!(e & 65535)) tick(2 * (u64)S.nodes, 2 * (u64)S.nodes);
    }

    write_sites();
    out_string(",\n\"samples\":[],\n\"locations\":[],\n\"strings\":[");
    u64 *at = (u64 *)S.text_at.at;
    for (u32 n = 0; n < S.strings; n++) {
        u64 end = n + 1 < S.strings ? at[n * 2ul + 2] : S.text.used;
        if (n) out_text(",", 1);
        out_text(S.text.at + at[n * 2ul], end - at[n * 2ul]);
    }
    out_string("]}\n");
    out_flush(1);

    u64 bytes = S.bytes, tables = 0;
    struct column *all[] = {&S.addr, &S.node, &S.edge, &S.text, &S.text_at, &S.plans, &S.slot_list, &S.pending, &S.site, &S.weight,
                            &S.traced, &S.infos, &out};
    for (u32 i = 0; i < sizeof all / sizeof *all; i++) tables += all[i]->used;
    tables += (S.mask + 1) * 8 + (S.text_mask + 1) * 4 + (S.own.mask + 1) * 12 + (S.types.mask + 1) * 12;
    column_grow(&out, 65536 + fresh.used * 4);
    i64 file = given[G_FILE].n;
    given[G_FILE].n = -2;
    out.used = 0;
    out_string("{\"nodes\":");
    out_big(S.nodes);
    out_string(",\"edges\":");
    out_big(total_edges);
    out_string(",\"bytes\":");
    out_big(bytes);
    out_string(",\"copyBytes\":");
    out_big(tables);
    out_string(",\"walkMs\":");
    out_ms(S.walk_ms);
    out_string(",\"copyMs\":");
    out_ms(now_ms() - S.began);
    out_string(",\"copyCpuMs\":");
    out_ms(S.cpu + cpu_ms() - S.cpu_began);
    out_string(",\"granules\":[");
    for (u64 i = 0; i < fresh.used / 8; i++) {
        if (i) out_text(",", 1);
        out_big(((u64 *)fresh.at)[i]);
    }
    out_string("]}");
    given[G_FILE].n = file;
    message('R', out.at, out.used);
    if (granules.keys) map_drop(&granules);
    column_drop(&fresh);
}
