/* How fast an SSH link is: pours random bytes through fy_ssh_connect(), sshd and dial into a listener on the same
 * machine, and prints MB/s and CPU seconds a GiB of this process.
 *
 *     link_bench USER PORT KEY_FILE KNOWN_HOSTS SOCKET MIB [in]
 *
 * The forced command of KEY_FILE must dial SOCKET. With "in" the bytes flow from the listener to the link. */
#include <ferry/base/clock.h>
#include <ferry/peer.pb-c.h>
#include <ferry/transport/local.h>
#include <ferry/transport/ssh.h>
#include <protobuf-c/protobuf-c.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define BODY_BYTES (1024u * 1024u)

struct end {
    struct fy_link *link;
    uint64_t to_send; /* frames */
    uint64_t sent;
    uint64_t received;
    uint64_t expected;
    uv_loop_t *loop;
    const uint8_t *noise;
    bool closed;
};

static void pour(struct end *end)
{
    Ferry__Peer__Ping head = FERRY__PEER__PING__INIT;
    while (end->sent < end->to_send && !fy_link_congested(end->link)) {
        uint8_t *body = malloc(BODY_BYTES);
        memcpy(body, end->noise, BODY_BYTES);
        head.token = end->sent;
        if (fy_link_send(end->link, &head.base, body, BODY_BYTES, NULL))
            return;
        end->sent++;
    }
}

static void on_ready(struct fy_link *link, void *data)
{
    (void)link;
    pour(data);
}

static void on_frame(struct fy_link *link, const struct fy_frame *frame, void *data)
{
    (void)link;
    (void)frame;
    struct end *end = data;
    if (++end->received == end->expected)
        uv_stop(end->loop);
}

static void on_closed(struct fy_link *link, const struct fy_error *err, void *data)
{
    (void)link;
    struct end *end = data;
    end->closed = true;
    if (err)
        (void)fprintf(stderr, "%s\n%s\n", err->message, err->next);
    uv_stop(end->loop);
}

static const struct fy_link_events events = {
    .opened = on_ready, .frame = on_frame, .drained = on_ready, .closed = on_closed};

static void on_accepted(struct fy_link *link, uid_t uid, pid_t pid, void *data)
{
    (void)uid;
    (void)pid;
    struct end *end = data;
    end->link = link;
    fy_link_set_events(link, &events, end);
    pour(end);
}

static double cpu_seconds(void)
{
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static uint8_t *make_noise(void)
{
    uint8_t *noise = malloc(BODY_BYTES);
    uint64_t seed = 88172645463325252u;
    for (size_t i = 0; i < BODY_BYTES; i += 8) {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        memcpy(noise + i, &seed, 8);
    }
    return noise;
}

/* Runs until the receiver has got everything; prints the rate. */
static int measure(uv_loop_t *loop, const struct end *client, const struct end *receiver, const char *direction)
{
    while (receiver->received == 0 && !client->closed)
        (void)uv_run(loop, UV_RUN_ONCE);
    uint64_t start = fy_clock_monotonic_ns();
    double cpu = cpu_seconds();
    if (!client->closed && receiver->received < receiver->expected)
        (void)uv_run(loop, UV_RUN_DEFAULT);
    double seconds = (double)(fy_clock_monotonic_ns() - start) / 1e9;
    double bytes = (double)receiver->received * BODY_BYTES;
    if (receiver->received < receiver->expected)
        return 1;
    (void)printf("%s: %.0f MB/s, %.2f CPU s/GiB, %s\n", direction, bytes / 1e6 / seconds,
                 (cpu_seconds() - cpu) / (bytes / (1u << 30)), fy_link_describe(client->link));
    return 0;
}

static int run(uv_loop_t *loop, char **argv, bool inward, uint8_t *noise)
{
    uint64_t frames = strtoull(argv[6], NULL, 10);
    struct end client = {.loop = loop, .noise = noise, .to_send = inward ? 0 : frames, .expected = frames};
    struct end server = {.loop = loop, .noise = noise, .to_send = inward ? frames : 0, .expected = frames};
    struct fy_listener_options listen = {
        .path = argv[5], .mode = 0600, .owner_uid = (uid_t)-1, .owner_gid = (gid_t)-1, .max_links = 1};
    struct fy_ssh_options options = {
        .host = "127.0.0.1",
        .port = (uint16_t)strtoul(argv[2], NULL, 10),
        .user = argv[1],
        .key_file = argv[3],
        .known_hosts = argv[4],
        .connect_timeout_ms = 10000,
        .keepalive_interval_ms = 10000,
        .dead_after_ms = 30000,
    };
    struct fy_listener *listener;
    struct fy_error err = FY_ERROR_INIT;
    if (fy_listener_start(loop, &listen, on_accepted, &server, &listener, &err) ||
        fy_ssh_connect(loop, &options, &events, &client, &client.link, &err)) {
        (void)fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    int result = measure(loop, &client, inward ? &client : &server, inward ? "in" : "out");
    if (!client.closed)
        fy_link_close(client.link);
    fy_listener_close(listener, NULL, NULL);
    /* Each closed link stops the loop once. */
    while (uv_run(loop, UV_RUN_DEFAULT) != 0)
        ;
    return result;
}

int main(int argc, char **argv)
{
    if (argc < 7) {
        (void)fprintf(stderr, "usage: link_bench USER PORT KEY_FILE KNOWN_HOSTS SOCKET MIB [in]\n");
        return 2;
    }
    uv_loop_t loop;
    (void)signal(SIGPIPE, SIG_IGN);
    if (uv_loop_init(&loop) || fy_ssh_global_init(NULL))
        return 1;
    uint8_t *noise = make_noise();
    int result = run(&loop, argv, argc > 7 && strcmp(argv[7], "in") == 0, noise);
    free(noise);
    fy_ssh_global_done();
    return uv_loop_close(&loop) ? 1 : result;
}
