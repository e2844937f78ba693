/* How fast an image set goes from one host to another, without CRIU: what ferryd does with a directory that is
 * complete.
 *
 *     page-bench receive SOCKET DIRECTORY USER
 *         one set; USER may connect
 *     page-bench send HOST USER KEY_FILE KNOWN_HOSTS DIRECTORY [LANES]
 *         through the host's sshd, whose command dials SOCKET; as many lanes as a migration has, unless said
 *
 * Each prints one line when it is over: seconds, processor seconds, peak of resident memory; the sender also what
 * became of the bytes. */
#include "receive_set.h"
#include "send_set.h"
#include "storage.h"

#include <err.h>
#include <ferry/base/clock.h>
#include <ferry/base/spare.h>
#include <ferry/transport/local.h>
#include <ferry/transport/ssh.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

struct bench {
    uv_loop_t loop;
    const char *directory;
    unsigned lanes;
    struct fy_session_options options;
    struct fy_session session;
    struct fy_session joining[FY_SESSION_MAX_LANES]; /* further links, until they turn out to be lanes of the session */
    unsigned accepted;
    struct fy_send_set *send;
    struct fy_send_set_stats stats;
    struct fy_receive_set *receive;
    struct fy_listener *listener;
    uint64_t start_ns;
    uint64_t wire_bytes;
    char link[320];
};

static struct bench bench;

static void report(const char *role)
{
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    double cpu = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                 (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    (void)printf("%s: %.3f s, %.3f cpu s, %ld KiB resident", role,
                 (double)(fy_clock_monotonic_ns() - bench.start_ns) / 1e9, cpu, usage.ru_maxrss);
}

/* Not by exit(), which would take OpenSSL down under the threads of links. */
_Noreturn static void fail(const char *message, const char *next)
{
    warnx("%s; %s", message, next);
    _exit(1);
}

static void fail_if(const struct fy_error *err)
{
    if (err)
        fail(err->message, err->next);
}

/* ---- receive ---- */

static void received(uint32_t chunks, uint64_t bytes, void *data)
{
    (void)data;
    Ferry__Peer__Received message = FERRY__PEER__RECEIVED__INIT;
    message.chunks = chunks;
    message.bytes = bytes;
    Ferry__Peer__Frame frame = FY_PEER_FRAME(received, FERRY__PEER__FRAME__KIND_RECEIVED, &message);
    (void)fy_session_send(&bench.session, &frame, NULL, 0, NULL);
}

static void kept(uint64_t number, void *data)
{
    (void)data;
    fy_session_data_kept(&bench.session, number);
}

static void set_arrived(const struct fy_error *err, void *data)
{
    (void)data;
    fail_if(err);
    report("receive");
    (void)printf("\n");
    fy_session_finish(&bench.session, 5000);
}

/* ---- send ---- */

static void set_queued(void *data)
{
    (void)data;
}

static void set_kept(const struct fy_error *err, void *data)
{
    (void)data;
    fail_if(err);
    const struct fy_page_counts *pages = &bench.stats.pages;
    report("send");
    (void)printf(", zero %llu, duplicate %llu, compressed %llu, plain %llu, wire %llu, %s\n",
                 (unsigned long long)pages->zero_bytes, (unsigned long long)pages->duplicate_bytes,
                 (unsigned long long)pages->compressed_bytes, (unsigned long long)pages->plain_bytes,
                 (unsigned long long)bench.wire_bytes, bench.link);
    fy_session_close(&bench.session);
}

/* ---- the session ---- */

static void greeted(struct fy_session *session, const Ferry__Peer__Hello *hello)
{
    static const struct fy_send_set_events send_events = {.queued = set_queued, .done = set_kept};
    static const struct fy_receive_set_events receive_events = {
        .received = received, .kept = kept, .done = set_arrived};
    struct fy_error err = FY_ERROR_INIT;
    (void)hello;
    bench.start_ns = fy_clock_monotonic_ns();
    int status = bench.listener ? fy_receive_set_start(&bench.loop, bench.directory, UINT64_MAX / 2, &receive_events,
                                                       &bench, &bench.receive, &err)
                                : fy_send_set_start(&bench.loop, bench.directory, session, &send_events, &bench,
                                                    &bench.send, &err);
    fail_if(status < 0 ? &err : NULL);
    if (bench.send) {
        fy_session_set_lanes(session, bench.lanes);
        fy_send_set_complete(bench.send, fy_storage_memory_bytes());
    }
    (void)snprintf(bench.link, sizeof bench.link, "%s", fy_session_describe(session));
}

static void frame_arrived(struct fy_session *session, const Ferry__Peer__Frame *frame, const uint8_t *body,
                          size_t body_bytes)
{
    struct fy_error err = FY_ERROR_INIT;
    (void)body;
    (void)body_bytes;
    if (bench.receive) {
        fy_receive_set_frame(bench.receive, frame);
        return;
    }
    struct fy_session_stats stats;
    fy_session_get_stats(session, &stats);
    bench.wire_bytes = stats.bytes_sent;
    if (bench.stats.is_kept) /* the last word may say again what the one before it said */
        return;
    fail_if(fy_send_set_acknowledged(bench.send, frame->received, &err) < 0 ? &err : NULL);
    fy_send_set_get_stats(bench.send, &bench.stats);
}

static void data_arrived(struct fy_session *session, uint64_t number, const Ferry__Peer__Frame *frame,
                         const struct fy_frame *raw)
{
    (void)session;
    fy_receive_set_data(bench.receive, number, frame, raw);
}

static void drained(struct fy_session *session)
{
    (void)session;
    if (bench.send && !bench.stats.is_kept)
        fy_send_set_drained(bench.send);
}

static void closed(struct fy_session *session, const struct fy_error *err)
{
    (void)session;
    bool has_ended = bench.listener || bench.stats.is_kept; /* the other side may hang up first */
    if (!has_ended)
        fail_if(err);
    if (bench.listener)
        fy_listener_close(bench.listener, NULL, NULL);
}

static const struct fy_session_events events = {
    .greeted = greeted, .frame = frame_arrived, .data = data_arrived, .drained = drained, .closed = closed};

static void lane_greeted(struct fy_session *session, const Ferry__Peer__Hello *hello)
{
    (void)session;
    (void)hello;
    fail("a second peer", "one at a time");
}

static void lane_closed(struct fy_session *session, const struct fy_error *err)
{
    (void)session;
    fail_if(err);
}

static void accepted(struct fy_link *link, uid_t uid, pid_t pid, void *data)
{
    static const struct fy_session_events lane_events = {.greeted = lane_greeted, .closed = lane_closed};
    (void)uid;
    (void)pid;
    (void)data;
    struct fy_error err = FY_ERROR_INIT;
    struct fy_session *session = &bench.session;
    if (bench.accepted++ > 0) {
        session = &bench.joining[bench.accepted % FY_SESSION_MAX_LANES];
        fy_session_init(session, &bench.options, &lane_events);
    }
    fail_if(fy_session_accept(session, link, &err) < 0 ? &err : NULL);
}

static void listen_at(const char *path, const char *user)
{
    struct fy_error err = FY_ERROR_INIT;
    struct passwd *entry = getpwnam(user);
    if (!entry)
        errx(2, "no user %s", user);
    struct fy_listener_options options = {.path = path,
                                          .mode = 0660,
                                          .owner_uid = entry->pw_uid,
                                          .owner_gid = (gid_t)-1,
                                          .access = {.uids = &entry->pw_uid, .uid_count = 1},
                                          .max_links = FY_SESSION_MAX_LANES};
    fail_if(fy_listener_start(&bench.loop, &options, accepted, NULL, &bench.listener, &err) < 0 ? &err : NULL);
    (void)uv_run(&bench.loop, UV_RUN_DEFAULT);
}

static void send_to(char **arguments)
{
    struct fy_error err = FY_ERROR_INIT;
    struct fy_ssh_options options = {.host = arguments[0],
                                     .port = 22,
                                     .user = arguments[1],
                                     .key_file = arguments[2],
                                     .known_hosts = arguments[3],
                                     .connect_timeout_ms = 10000,
                                     .dead_after_ms = 30000};
    fail_if(fy_ssh_global_init(&err) < 0 ? &err : NULL);
    fail_if(fy_session_connect_ssh(&bench.session, &options, &err) < 0 ? &err : NULL);
    (void)uv_run(&bench.loop, UV_RUN_DEFAULT);
    fy_ssh_global_done();
}

int main(int argc, char **argv)
{
    fy_spare_set_up(); /* as ferryd does */
    (void)signal(SIGPIPE, SIG_IGN);
    (void)uv_loop_init(&bench.loop);
    bench.options = (struct fy_session_options){
        .loop = &bench.loop, .own_name = "bench", .registry = fy_session_registry_new(NULL), .link_timeout_ms = 30000};
    fy_session_init(&bench.session, &bench.options, &events);
    if (argc == 5 && strcmp(argv[1], "receive") == 0) {
        bench.directory = argv[3];
        listen_at(argv[2], argv[4]);
    } else if ((argc == 7 || argc == 8) && strcmp(argv[1], "send") == 0) {
        bench.directory = argv[6];
        bench.lanes = argc == 8 ? (unsigned)strtoul(argv[7], NULL, 10) : FY_SESSION_DEFAULT_LANES;
        send_to(argv + 2);
    } else
        errx(2, "usage: page-bench receive SOCKET DIRECTORY USER | send HOST USER KEY_FILE KNOWN_HOSTS DIRECTORY "
                "[LANES]");
    fy_session_registry_free(bench.options.registry);
    return uv_loop_close(&bench.loop) == 0 ? 0 : 1;
}
