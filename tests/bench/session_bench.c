/* How fast, and how well, a session carries data over SSH. Two processes, so that each side's costs are its own.
 *
 *     session-bench serve SOCKET                                       takes one session on SOCKET and ends with it
 *     session-bench send USER PORT KEY_FILE KNOWN_HOSTS MIB LANES [BYTES_PER_SECOND]
 *
 * The forced command of KEY_FILE must dial SOCKET. What is sent is random and different in every block; each side
 * prints the sum of the blocks' hashes, which must be the same. */
#include <ferry/base/cleanup.h>
#include <ferry/base/clock.h>
#include <ferry/transport/local.h>
#include <ferry/transport/session.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#define BODY_BYTES ((size_t)1024 * 1024)
#define LINK_TIMEOUT_MS 30000u

struct end {
    uv_loop_t loop;
    struct fy_session session;
    struct fy_session lanes[1024]; /* at the serving side: what turned out to be lanes */
    unsigned lane_count;
    struct fy_session_registry *registry;
    struct fy_listener *listener;
    uint8_t *noise;
    uint64_t to_send;
    uint64_t sent;
    uint64_t received;
    uint64_t twice;
    uint8_t *had;
    uint64_t hash;
    unsigned wanted_lanes;
    unsigned looks; /* for them */
    uint64_t start_ns;
    double start_cpu;
    bool failed;
    struct fy_session_stats stats;
};

static double cpu_seconds(void)
{
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* Of the whole process's life, in MiB: from the kernel's own count, which an exec begins anew. */
static unsigned long peak_mib(void)
{
    char line[256];
    unsigned long kib = 0;
    FY_AUTO_FCLOSE FILE *file = fopen("/proc/self/status", "re");
    while (file && fgets(line, sizeof(line), file))
        if (sscanf(line, "VmHWM: %lu", &kib) == 1)
            break;
    return kib / 1024;
}

static uint64_t hash_block(uint64_t number, const uint8_t *data, size_t size)
{
    return XXH3_64bits_withSeed(data, size, number);
}

static uint8_t *make_noise(void)
{
    uint8_t *noise = malloc(2 * BODY_BYTES);
    uint64_t seed = 88172645463325252u;
    for (size_t i = 0; noise && i < 2 * BODY_BYTES; i += 8) {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        memcpy(noise + i, &seed, 8);
    }
    return noise;
}

/* Another stretch of the noise for each block. */
static int send_block(struct end *end)
{
    uint8_t *body = malloc(BODY_BYTES);
    Ferry__Peer__Chunk chunk = FERRY__PEER__CHUNK__INIT;
    if (!body)
        return -1;
    memcpy(body, end->noise + (end->sent * 8) % BODY_BYTES, BODY_BYTES);
    memcpy(body, &end->sent, sizeof(end->sent));
    end->hash += hash_block(end->sent, body, BODY_BYTES);
    chunk.offset = end->sent;
    chunk.raw_bytes = BODY_BYTES;
    chunk.name = (char *)"pages-1.img";
    Ferry__Peer__Frame frame = FY_PEER_FRAME(chunk, FERRY__PEER__FRAME__KIND_CHUNK, &chunk);
    return fy_session_send_data(&end->session, &frame, body, BODY_BYTES, NULL);
}

static void pour(struct end *end)
{
    while (end->sent < end->to_send && !fy_session_congested(&end->session)) {
        if (send_block(end))
            return;
        end->sent++;
    }
    if (end->sent == end->to_send)
        fy_session_finish(&end->session, LINK_TIMEOUT_MS);
}

static struct end *of(struct fy_session *session)
{
    return fy_container_of(session, struct end, session);
}

static void on_drained(struct fy_session *session)
{
    pour(of(session));
}

/* Lanes take a moment to open, which is no part of how fast they are. One that does not come is not waited for. */
static void begin(uv_timer_t *timer)
{
    struct end *end = timer->data;
    struct fy_session_stats stats;
    fy_session_get_stats(&end->session, &stats);
    if (stats.lanes < end->wanted_lanes && fy_session_is_open(&end->session) && end->looks++ < 100)
        return;
    uv_close((uv_handle_t *)timer, NULL);
    end->start_ns = fy_clock_monotonic_ns();
    end->start_cpu = cpu_seconds();
    pour(end);
}

static uv_timer_t begin_timer;

static void on_greeted(struct fy_session *session, const Ferry__Peer__Hello *hello)
{
    (void)hello;
    struct end *end = of(session);
    if (end->to_send == 0)
        return;
    fy_session_set_lanes(session, end->wanted_lanes);
    (void)uv_timer_init(&end->loop, &begin_timer);
    begin_timer.data = end;
    (void)uv_timer_start(&begin_timer, begin, 1, 20);
}

static void on_frame(struct fy_session *session, const Ferry__Peer__Frame *frame, const uint8_t *body,
                     size_t body_bytes)
{
    (void)session;
    (void)frame;
    (void)body;
    (void)body_bytes;
}

static void on_data(struct fy_session *session, uint64_t number, const Ferry__Peer__Frame *frame,
                    const struct fy_frame *raw)
{
    struct end *end = of(session);
    uint64_t block = frame->chunk->offset;
    if (block < 65536) {
        end->twice += end->had[block];
        end->had[block] = 1;
    }
    end->hash += hash_block(block, raw->body, raw->body_bytes);
    end->received++;
    fy_session_data_kept(session, number);
    fy_session_get_stats(session, &end->stats);
}

static void on_acknowledged(struct fy_session *session)
{
    fy_session_get_stats(session, &of(session)->stats);
}

static void on_closed(struct fy_session *session, const struct fy_error *err)
{
    struct end *end = of(session);
    if (err && end->to_send > 0) {
        (void)fprintf(stderr, "%s\n%s\n", err->message, err->next);
        end->failed = true;
    }
    if (end->listener)
        fy_listener_close(fy_take(end->listener), NULL, NULL);
}

static const struct fy_session_events events = {
    .greeted = on_greeted,
    .frame = on_frame,
    .data = on_data,
    .drained = on_drained,
    .acknowledged = on_acknowledged,
    .closed = on_closed,
};

static void report(const struct end *end, const char *side)
{
    uint64_t blocks = end->to_send > 0 ? end->sent : end->received;
    double seconds = (double)(fy_clock_monotonic_ns() - end->start_ns) / 1e9;
    double bytes = (double)blocks * (double)BODY_BYTES;
    (void)printf(
        "%s: %llu MiB, %.1f MB/s, %.2f CPU s/GiB, peak %lu MiB, lanes lost %u, sent again %llu KiB, came twice "
        "%llu KiB, given twice %llu, hash %016llx\n",
        side, (unsigned long long)blocks, bytes / 1e6 / seconds,
        (cpu_seconds() - end->start_cpu) / (bytes / (double)(1u << 30)), peak_mib(), end->stats.lanes_lost,
        (unsigned long long)end->stats.bytes_sent_again / 1024,
        (unsigned long long)end->stats.bytes_received_again / 1024, (unsigned long long)end->twice,
        (unsigned long long)end->hash);
}

/* --- serve ------------------------------------------------------------------------------------------------------ */

static void lane_greeted(struct fy_session *session, const Ferry__Peer__Hello *hello)
{
    (void)session;
    (void)hello;
}

static void lane_event(struct fy_session *session)
{
    (void)session;
}

static void lane_closed(struct fy_session *session, const struct fy_error *err)
{
    (void)session;
    (void)err;
}

static void on_accepted(struct fy_link *link, uid_t uid, pid_t pid, void *data)
{
    static const struct fy_session_events lane_events = {
        .greeted = lane_greeted, .frame = on_frame, .drained = lane_event, .closed = lane_closed};
    (void)uid;
    (void)pid;
    struct end *end = data;
    struct fy_session_options options = {
        .loop = &end->loop, .own_name = "server", .registry = end->registry, .link_timeout_ms = LINK_TIMEOUT_MS};
    bool first = end->start_ns == 0;
    struct fy_session *session = first ? &end->session : &end->lanes[end->lane_count++ % 1024];
    if (first) {
        end->start_ns = fy_clock_monotonic_ns();
        end->start_cpu = cpu_seconds();
    }
    fy_session_init(session, &options, first ? &events : &lane_events);
    if (fy_session_accept(session, link, NULL))
        abort();
}

static int serve(struct end *end, char **argv)
{
    struct fy_error err = FY_ERROR_INIT;
    struct fy_listener_options listen = {
        .path = argv[2], .mode = 0600, .owner_uid = (uid_t)-1, .owner_gid = (gid_t)-1, .max_links = 16};
    end->registry = fy_session_registry_new(NULL);
    end->had = calloc(65536, 1);
    if (!end->registry || !end->had || fy_listener_start(&end->loop, &listen, on_accepted, end, &end->listener, &err)) {
        (void)fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    (void)uv_run(&end->loop, UV_RUN_DEFAULT);
    report(end, "received");
    fy_session_registry_free(end->registry);
    free(end->had);
    return 0;
}

/* --- send ------------------------------------------------------------------------------------------------------- */

static int send_all(struct end *end, int argc, char **argv)
{
    struct fy_error err = FY_ERROR_INIT;
    struct fy_session_options options = {.loop = &end->loop, .own_name = "bench", .link_timeout_ms = LINK_TIMEOUT_MS};
    struct fy_ssh_options ssh = {
        .host = "127.0.0.1",
        .port = (uint16_t)strtoul(argv[3], NULL, 10),
        .user = argv[2],
        .key_file = argv[4],
        .known_hosts = argv[5],
        .connect_timeout_ms = 10000,
        .keepalive_interval_ms = 5000,
        .dead_after_ms = LINK_TIMEOUT_MS / 2,
    };
    end->to_send = strtoull(argv[6], NULL, 10);
    end->wanted_lanes = (unsigned)strtoul(argv[7], NULL, 10);
    end->noise = make_noise();
    fy_session_init(&end->session, &options, &events);
    if (argc > 8)
        fy_session_set_rate(&end->session, strtoull(argv[8], NULL, 10));
    if (!end->noise || fy_session_connect_ssh(&end->session, &ssh, &err)) {
        (void)fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    (void)uv_run(&end->loop, UV_RUN_DEFAULT);
    report(end, "sent");
    free(end->noise);
    return end->failed || end->sent < end->to_send;
}

int main(int argc, char **argv)
{
    static struct end end;
    bool serves = argc == 3 && strcmp(argv[1], "serve") == 0;
    if (!serves && (argc < 8 || strcmp(argv[1], "send") != 0)) {
        (void)fprintf(stderr,
                      "usage: session-bench serve SOCKET\n"
                      "       session-bench send USER PORT KEY_FILE KNOWN_HOSTS MIB LANES [BYTES_PER_SECOND]\n");
        return 2;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    if (uv_loop_init(&end.loop) || fy_ssh_global_init(NULL))
        return 1;
    int result = serves ? serve(&end, argv) : send_all(&end, argc, argv);
    fy_ssh_global_done();
    return uv_loop_close(&end.loop) ? 1 : result;
}
