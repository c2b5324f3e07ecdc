/* Text to a file, or as messages through the agent's pipe: kind, length, payload. */
enum { OUT_ROOM = 1 << 20, CHUNK = 100 * 1024 };
static struct column out, frame_buffer;

/* A copy that does not get on for so long is ended by SIGALRM: C code of a type may wait for a lock
 * whose holder was not copied. The time of a slow reader or disk does not count. */
enum { PATIENCE_SECONDS = 30 };

static void watch(int seconds) {
    i64 timer[4] = {0, 0, seconds, 0};
    if (S.in_copy) sys6(SYS_SETITIMER, 0, (long)timer, 0, 0, 0, 0);
}

static void write_all(int fd, const char *at, u64 n) {
    watch(0);
    while (n) {
        long sent = sys6(SYS_WRITE, fd, (long)at, (long)n, 0, 0, 0);
        if (sent == -4) continue; /* EINTR */
        if (sent <= 0) fail(sent ? (int)-sent : 5);
        at += sent;
        n -= (u64)sent;
    }
    watch(PATIENCE_SECONDS);
}

static void message(char kind, const char *at, u64 n) {
    char head[5] = {kind, (char)(n >> 24), (char)(n >> 16), (char)(n >> 8), (char)n};
    if (n <= 400) { /* one piece where it fits the pipe: progress and answers */
        char whole[408];
        copy(whole, head, 5);
        copy(whole + 5, at, n);
        write_all((int)given[G_PIPE].n, whole, n + 5);
        return;
    }
    write_all((int)given[G_PIPE].n, head, 5);
    write_all((int)given[G_PIPE].n, at, n);
}

/* One HeapProfiler.addHeapSnapshotChunk as a WebSocket frame. */
static void send_chunk(const char *at, u64 n) {
    static const char before[] = "{\"method\":\"HeapProfiler.addHeapSnapshotChunk\",\"params\":{\"chunk\":\"";
    frame_buffer.used = 10;
    if (frame_buffer.room < 3 * CHUNK) column_grow(&frame_buffer, 3 * CHUNK);
    copy(column_add(&frame_buffer, sizeof before - 1), before, sizeof before - 1);
    char *p = frame_buffer.at + frame_buffer.used;
    for (u64 i = 0; i < n; i++) {
        char c = at[i];
        if (c == '"' || c == '\\') *p++ = '\\';
        else if (c == '\n') *p++ = '\\', c = 'n';
        *p++ = c;
    }
    copy(p, "\"}}", 3);
    p += 3;
    u64 size = (u64)(p - frame_buffer.at) - 10;
    char *start = frame_buffer.at;
    if (size < 65536) {
        start += 6;
        start[0] = (char)0x81;
        start[1] = 126;
        start[2] = (char)(size >> 8);
        start[3] = (char)size;
    } else {
        start[0] = (char)0x81;
        start[1] = 127;
        for (int i = 0; i < 8; i++) start[2 + i] = (char)(size >> (56 - 8 * i));
    }
    if (size < 126) fail(22);
    message('C', start, (u64)(p - start));
}

static void out_flush(int last) {
    if (given[G_FILE].n >= 0) {
        write_all((int)given[G_FILE].n, out.at, out.used);
        S.bytes += out.used;
        out.used = 0;
        return;
    }
    u64 at = 0;
    while (out.used - at >= CHUNK || (last && at < out.used)) {
        u64 n = out.used - at < CHUNK ? out.used - at : CHUNK;
        send_chunk(out.at + at, n);
        S.bytes += n;
        at += n;
    }
    for (u64 i = 0; i < out.used - at; i++) out.at[i] = out.at[at + i];
    out.used -= at;
}

HOT void out_room(u64 n) {
    if (out.used + n > OUT_ROOM) out_flush(0);
}

static void out_text(const char *s, u64 n) {
    while (n) {
        u64 part = n < 32768 ? n : 32768;
        out_room(part);
        copy(out.at + out.used, s, part);
        out.used += part;
        s += part;
        n -= part;
    }
}

static void out_string(const char *s) {
    u64 n = 0;
    while (s[n]) n++;
    out_text(s, n);
}

HOT void out_char(char c) { out.at[out.used++] = c; }

static const char pairs[] =
    "00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748495051525354555657585960616263646566"
    "676869707172737475767778798081828384858687888990919293949596979899";

/* The digits of a number, up to 10; the place behind them. */
HOT char *digits(char *at, u32 v) {
    if (v < 10) {
        *at = (char)('0' + v);
        return at + 1;
    }
    u32 n = v < 100 ? 2 : v < 1000 ? 3 : v < 10000 ? 4 : v < 100000 ? 5 : v < 1000000 ? 6 : v < 10000000 ? 7 : v < 100000000 ? 8 : v < 1000000000 ? 9 : 10;
    char *p = at + n;
    while (v >= 100) {
        u32 q = v / 100;
        p -= 2;
        copy(p, pairs + (v - q * 100) * 2, 2);
        v = q;
    }
    if (v >= 10) copy(at, pairs + v * 2, 2);
    else *at = (char)('0' + v);
    return at + n;
}

/* Room has been made. */
HOT void out_number(u32 v) { out.used = (u64)(digits(out.at + out.used, v) - out.at); }

static void out_big(u64 v) {
    char d[24];
    int n = 0;
    do d[n++] = (char)('0' + v % 10);
    while (v /= 10);
    out_room(24);
    while (n) out_char(d[--n]);
}

static void out_ms(double ms) {
    u64 thousandths = (u64)(ms * 1000.0 + 0.5);
    out_big(thousandths / 1000);
    out_char('.');
    out_char((char)('0' + thousandths / 100 % 10));
    out_char((char)('0' + thousandths / 10 % 10));
    out_char((char)('0' + thousandths % 10));
}

static void tick(u64 done, u64 total) {
    if (S.cancelled) fail(125); /* ECANCELED */
    double now = now_ms();
    if (now - S.last_tick < 100.0) return;
    S.last_tick = now;
    struct column kept = out;
    char line_out[64];
    out.at = line_out;
    out.used = 0;
    out.room = sizeof line_out;
    u64 v[2] = {done, total};
    for (int i = 0; i < 2; i++) {
        char d[24];
        int n = 0;
        if (i) out_char(' ');
        do d[n++] = (char)('0' + v[i] % 10);
        while (v[i] /= 10);
        while (n) out_char(d[--n]);
    }
    u64 n = out.used;
    out = kept;
    message('P', line_out, n);
}
