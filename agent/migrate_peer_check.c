/* `ferry peer check`: connect, greet, five round trips, then bytes for as long as PROBE_MS. */
#include "migrate_peer.h"

#include <ferry/agent/migrate.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/clock.h>
#include <ferry/base/text.h>
#include <string.h>
#include <sys/random.h>

#define ROUNDS 5u
#define PROBE_MS 2000u
#define PROBE_BYTES ((uint64_t)64 * 1024 * 1024)
#define PROBE_BODY_BYTES ((size_t)256 * 1024)

struct fy_peer_check {
    const struct fy_host *host;
    struct fy_session session;
    uv_timer_t deadline;
    fy_peer_check_cb done;
    void *data;
    uint64_t start_ns;
    uint64_t ping_ns;
    unsigned rounds;
    uint64_t probe_ns;   /* when the first of its bytes was sent; 0: not yet */
    uint64_t probe_sent; /* bytes */
    uint8_t noise[2 * PROBE_BODY_BYTES];
    struct fy_peer_check_result result;
    struct fy_error error;
};

static void deadline_closed(uv_handle_t *handle)
{
    struct fy_peer_check *check = fy_container_of(handle, struct fy_peer_check, deadline);
    bool failed = fy_error_is_set(&check->error);
    check->done(failed ? NULL : &check->result, failed ? &check->error : NULL, check->data);
    free(check);
}

static void closed(struct fy_session *session, const struct fy_error *err)
{
    struct fy_peer_check *check = fy_container_of(session, struct fy_peer_check, session);
    fy_error_propagate(&check->error, err);
    uv_close((uv_handle_t *)&check->deadline, deadline_closed);
}

static void ping(struct fy_peer_check *check)
{
    struct fy_error err = FY_ERROR_INIT;
    check->ping_ns = fy_clock_monotonic_ns();
    if (fy_session_ping(&check->session, check->rounds, &err) < 0)
        fy_session_fail(&check->session, &err);
}

/* ---- throughput ---- */

/* What is acknowledged counts. A limit that the peer has in the configuration is not meant for this, and still holds.
 */
static void probe_over(struct fy_peer_check *check)
{
    struct fy_session_stats stats;
    uint64_t now_ns = fy_clock_monotonic_ns();
    fy_session_get_stats(&check->session, &stats);
    uint64_t kept = check->probe_sent > stats.bytes_held ? check->probe_sent - stats.bytes_held : 0;
    check->result.throughput_bytes = (uint64_t)((double)kept * 1e9 / (double)(now_ns - check->probe_ns + 1));
    fy_session_close(&check->session);
}

static void send_probes(struct fy_peer_check *check)
{
    struct fy_error err = FY_ERROR_INIT;
    Ferry__Peer__Probe probe = FERRY__PEER__PROBE__INIT;
    Ferry__Peer__Frame frame = FY_PEER_FRAME(probe, FERRY__PEER__FRAME__KIND_PROBE, &probe);
    while (check->probe_sent < PROBE_BYTES && !fy_session_congested(&check->session)) {
        uint8_t *body = malloc(PROBE_BODY_BYTES);
        if (body)
            memcpy(body, check->noise + check->probe_sent / PROBE_BODY_BYTES * 8 % PROBE_BODY_BYTES, PROBE_BODY_BYTES);
        if (!body || fy_session_send_data(&check->session, &frame, body, PROBE_BODY_BYTES, &err) < 0) {
            fy_error_set(&err, FY_E_NOMEM, "no memory for measuring");
            fy_session_fail(&check->session, &err);
            return;
        }
        check->probe_sent += PROBE_BODY_BYTES;
    }
}

static void acknowledged(struct fy_session *session)
{
    struct fy_peer_check *check = fy_container_of(session, struct fy_peer_check, session);
    struct fy_session_stats stats;
    if (check->probe_ns == 0)
        return;
    fy_session_get_stats(session, &stats);
    bool late = fy_clock_monotonic_ns() - check->probe_ns >= (uint64_t)PROBE_MS * 1000000u;
    if (late || (check->probe_sent >= PROBE_BYTES && stats.bytes_held == 0))
        probe_over(check);
    else
        send_probes(check);
}

static void measure_throughput(struct fy_peer_check *check)
{
    if (!fy_session_has_feature(&check->session, FY_FEATURE_PROBE) ||
        getrandom(check->noise, sizeof check->noise, 0) != (ssize_t)sizeof check->noise) {
        fy_session_close(&check->session);
        return;
    }
    check->probe_ns = fy_clock_monotonic_ns();
    send_probes(check);
}

/* ---- latency ---- */

static void greeted(struct fy_session *session, const Ferry__Peer__Hello *hello)
{
    struct fy_peer_check *check = fy_container_of(session, struct fy_peer_check, session);
    struct fy_peer_check_result *result = &check->result;
    fy_text_copy_printable(result->remote_name, sizeof result->remote_name, hello->name);
    fy_text_copy_printable(result->version, sizeof result->version, hello->version);
    fy_text_copy_printable(result->link, sizeof result->link, fy_session_describe(session));
    result->protocol_major = hello->major;
    result->protocol_minor = hello->minor;
    result->connect_us = (fy_clock_monotonic_ns() - check->start_ns) / 1000;
    result->latency_us = UINT64_MAX;
    ping(check);
}

static void frame_arrived(struct fy_session *session, const Ferry__Peer__Frame *frame, const uint8_t *body,
                          size_t body_bytes)
{
    (void)body;
    (void)body_bytes;
    struct fy_peer_check *check = fy_container_of(session, struct fy_peer_check, session);
    struct fy_error err = FY_ERROR_INIT;
    if (frame->kind_case != FERRY__PEER__FRAME__KIND_PONG || frame->pong->token != check->rounds) {
        fy_error_set(&err, FY_E_PROTOCOL, "the peer answered a ping with something else");
        fy_session_fail(session, &err);
        return;
    }
    uint64_t round_us = (fy_clock_monotonic_ns() - check->ping_ns) / 1000;
    if (round_us < check->result.latency_us)
        check->result.latency_us = round_us;
    if (++check->rounds == ROUNDS)
        measure_throughput(check);
    else
        ping(check);
}

static void drained(struct fy_session *session)
{
    (void)session; /* `acknowledged` has seen to it */
}

static void deadline_passed(uv_timer_t *timer)
{
    struct fy_peer_check *check = fy_container_of(timer, struct fy_peer_check, deadline);
    fy_error_set(&check->error, FY_E_TIMEOUT, "the peer's agent did not answer in time");
    fy_error_next(&check->error, "see that ferryd runs on the peer and that its forced command is 'ferry dial'");
    fy_session_close(&check->session);
}

void fy_peer_check_cancel(struct fy_peer_check *check, const char *why)
{
    fy_error_set(&check->error, FY_E_CANCELLED, "%s", why);
    fy_session_close(&check->session);
}

int fy_peer_check(const struct fy_host *host, const char *peer_name, fy_peer_check_cb done, void *data,
                  struct fy_peer_check **started, struct fy_error *err)
{
    static const struct fy_session_events events = {
        .greeted = greeted, .frame = frame_arrived, .drained = drained, .acknowledged = acknowledged, .closed = closed};
    const struct fy_peer_settings *peer = NULL;
    if (fy_migrate_find_peer(host, peer_name, &peer, err) < 0)
        return -1;
    struct fy_peer_check *check = calloc(1, sizeof *check);
    if (!check)
        return fy_error_set(err, FY_E_NOMEM, "no memory for a peer check");
    check->host = host;
    check->done = done;
    check->data = data;
    check->start_ns = fy_clock_monotonic_ns();
    fy_migrate_session_init(host, &check->session, &events);
    if (fy_migrate_connect(host, peer, &check->session, err) < 0) {
        free(check);
        return -1;
    }
    const struct fy_timeouts *timeouts = &host->settings->timeouts;
    (void)uv_timer_init(host->loop, &check->deadline);
    (void)uv_timer_start(&check->deadline, deadline_passed, timeouts->connect_ms + timeouts->link_ms + PROBE_MS, 0);
    *started = check;
    return 0;
}
