/* Sessions over a real sshd that end at any moment of their set-up, their work and their resuming, on one, two and
 * eight lanes: `closed` comes once, from the loop, and last; no descriptor, thread or memory is left.
 *
 * What is done and when is drawn from a seed; FERRY_ENDING_SEED and FERRY_ENDING_ROUNDS choose others. */
#include "party.h"
#include "sshd.h"
#include <criterion/criterion.h>
#include <dirent.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/clock.h>
#include <ferry/transport/session.h>
#include <malloc.h>
#include <string.h>
#include <unistd.h>

#define WARM_UP_ROUNDS 12u /* for what is made once */
#define ROUNDS 40u
#define SEED 20261126u
#define BODY_BYTES ((size_t)16 * 1024)
#define BODIES 128u
#define FINISH_MS 60000u
/* What threads and malloc keep for themselves varies by some KiB. A link or its buffer left in any round is more; small
 * things are found under AddressSanitizer. */
#define LEFT_BYTES 65536u

enum deed { CLOSE, FINISH, FINISH_AND_CLOSE, FAIL, GUESTS_CLOSE, CUT, DEEDS };
enum moment { LATER, AT_GREETED, AT_FRAME, AT_ACKNOWLEDGED, AT_INTERRUPTED, MOMENTS };

/* An accepted session: the other side, a lane, or what never came to a hello. */
struct guest {
    struct fy_session session;
    struct ring *ring;
    struct guest *next;
};

/* Where they meet. */
struct ring {
    uv_loop_t loop;
    struct server server; /* only its directory and path */
    struct fy_listener *listener;
    struct fy_session_registry *registry;
    struct guest *guests;

    struct fy_session session; /* that dials */
    struct sshd *sshd;
    struct fy_ssh_options ssh;
    uint64_t dice;
    unsigned lanes;
    enum moment moment;
    enum deed deed;
    unsigned done; /* the deed */
    unsigned greeted;
    unsigned closed;
    bool over;      /* was told to end at once: only `closed` may follow */
    bool in_call;   /* of the session's */
    unsigned wrong; /* events that must not have come, or not now */
    uint64_t setup_us;
};

static uint32_t draw(struct ring *ring, uint32_t below)
{
    ring->dice = ring->dice * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(ring->dice >> 33) % below;
}

/* ---- deeds ---- */

static void close_guests(struct ring *ring)
{
    for (struct guest *guest = ring->guests; guest; guest = guest->next)
        fy_session_close(&guest->session);
}

static void end_at_once(struct ring *ring, enum deed deed)
{
    struct fy_error err = FY_ERROR_INIT;
    (void)fy_error_set(&err, FY_E_CANCELLED, "as drawn");
    if (deed == FINISH_AND_CLOSE)
        fy_session_finish(&ring->session, FINISH_MS);
    if (deed == FAIL)
        fy_session_fail(&ring->session, &err);
    else
        fy_session_close(&ring->session);
    ring->over = true;
}

static void act(struct ring *ring)
{
    if (ring->done++ > 0 || ring->closed)
        return;
    ring->in_call = true;
    if (ring->deed == FINISH)
        fy_session_finish(&ring->session, FINISH_MS);
    else if (ring->deed == GUESTS_CLOSE)
        close_guests(ring);
    else if (ring->deed == CUT)
        (void)sshd_signal_sessions(ring->sshd, SIGKILL);
    else
        end_at_once(ring, ring->deed);
    ring->in_call = false;
}

static void reach(struct ring *ring, enum moment moment)
{
    ring->wrong += ring->over || ring->closed || ring->in_call;
    if (ring->moment == moment)
        act(ring);
}

/* ---- the dialing side ---- */

static struct ring *of(struct fy_session *session)
{
    return fy_container_of(session, struct ring, session);
}

static void send_bodies(struct fy_session *session)
{
    Ferry__Peer__Chunk chunk = FERRY__PEER__CHUNK__INIT;
    Ferry__Peer__Received received = FERRY__PEER__RECEIVED__INIT;
    Ferry__Peer__Frame data = FY_PEER_FRAME(chunk, FERRY__PEER__FRAME__KIND_CHUNK, &chunk);
    Ferry__Peer__Frame control = FY_PEER_FRAME(received, FERRY__PEER__FRAME__KIND_RECEIVED, &received);
    chunk.name = (char *)"pages-1.img";
    for (unsigned i = 0; i < BODIES && fy_session_is_open(session); i++)
        if (fy_session_send_data(session, &data, calloc(1, BODY_BYTES), BODY_BYTES, NULL) < 0 ||
            fy_session_send(session, &control, NULL, 0, NULL) < 0)
            return;
}

static void on_greeted(struct fy_session *session, const Ferry__Peer__Hello *hello)
{
    (void)hello;
    of(session)->greeted++;
    fy_session_set_lanes(session, of(session)->lanes);
    send_bodies(session);
    reach(of(session), AT_GREETED);
}

static void on_frame(struct fy_session *session, const Ferry__Peer__Frame *frame, const uint8_t *body,
                     size_t body_bytes)
{
    (void)frame;
    (void)body;
    (void)body_bytes;
    reach(of(session), AT_FRAME);
}

static void on_drained(struct fy_session *session)
{
    (void)session;
}

static void on_acknowledged(struct fy_session *session)
{
    reach(of(session), AT_ACKNOWLEDGED);
}

static void on_interrupted(struct fy_session *session, const struct fy_error *why)
{
    (void)why;
    reach(of(session), AT_INTERRUPTED);
}

static void on_closed(struct fy_session *session, const struct fy_error *err)
{
    (void)err;
    of(session)->wrong += of(session)->in_call;
    of(session)->closed++;
}

/* ---- the accepting side ---- */

static void guest_greeted(struct fy_session *session, const Ferry__Peer__Hello *hello)
{
    (void)hello;
    send_bodies(session);
}

static void guest_frame(struct fy_session *session, const Ferry__Peer__Frame *frame, const uint8_t *body,
                        size_t body_bytes)
{
    (void)session;
    (void)frame;
    (void)body;
    (void)body_bytes;
}

static void data_arrived(struct fy_session *session, uint64_t number, const Ferry__Peer__Frame *frame,
                         const struct fy_frame *raw)
{
    (void)frame;
    (void)raw;
    fy_session_data_kept(session, number);
}

static void guest_closed(struct fy_session *session, const struct fy_error *err)
{
    (void)err;
    struct guest *guest = fy_container_of(session, struct guest, session);
    struct guest **at = &guest->ring->guests;
    while (*at != guest)
        at = &(*at)->next;
    *at = guest->next;
    free(guest);
}

static struct fy_session_options session_options(struct ring *ring, const char *name)
{
    return (struct fy_session_options){
        .loop = &ring->loop, .own_name = name, .registry = ring->registry, .link_timeout_ms = 60000};
}

static void on_accepted(struct fy_link *link, uid_t uid, pid_t pid, void *data)
{
    static const struct fy_session_events events = {.greeted = guest_greeted,
                                                    .frame = guest_frame,
                                                    .data = data_arrived,
                                                    .drained = on_drained,
                                                    .closed = guest_closed};
    (void)uid;
    (void)pid;
    struct ring *ring = data;
    struct guest *guest = calloc(1, sizeof(*guest));
    struct fy_session_options options = session_options(ring, "guest");
    guest->ring = ring;
    guest->next = ring->guests;
    ring->guests = guest;
    fy_session_init(&guest->session, &options, &events);
    cr_assert_eq(fy_session_accept(&guest->session, link, NULL), 0);
}

/* ---- a ring ---- */

static void ring_open(struct ring *ring)
{
    struct fy_listener_options options = {
        .path = ring->server.path, .mode = 0600, .owner_uid = (uid_t)-1, .owner_gid = (gid_t)-1, .max_links = 64};
    (void)uv_loop_init(&ring->loop);
    ring->registry = fy_session_registry_new(NULL);
    cr_assert_eq(fy_listener_start(&ring->loop, &options, on_accepted, ring, &ring->listener, NULL), 0);
}

static void ring_close(struct ring *ring)
{
    close_guests(ring);
    fy_listener_close(ring->listener, NULL, NULL);
    cr_assert(loop_ends_clean(&ring->loop));
    fy_session_registry_free(ring->registry);
}

static void dial(struct ring *ring)
{
    static const struct fy_session_events events = {.greeted = on_greeted,
                                                    .frame = on_frame,
                                                    .data = data_arrived,
                                                    .drained = on_drained,
                                                    .acknowledged = on_acknowledged,
                                                    .interrupted = on_interrupted,
                                                    .closed = on_closed};
    struct fy_session_options options = session_options(ring, "dialer");
    ring->greeted = ring->closed = ring->done = 0;
    ring->over = false;
    fy_session_init(&ring->session, &options, &events);
    cr_assert_eq(fy_session_connect_ssh(&ring->session, &ring->ssh, NULL), 0);
}

static void run_for_us(struct ring *ring, uint64_t duration_us)
{
    uint64_t end_ns = fy_clock_monotonic_ns() + duration_us * 1000;
    while (!ring->closed && fy_clock_monotonic_ns() < end_ns) {
        (void)uv_run(&ring->loop, UV_RUN_NOWAIT);
        (void)usleep(200);
    }
}

/* How long a hello takes here and now, so that moments drawn fall before it as often as behind it. */
static void measure_setup(struct ring *ring)
{
    uint64_t start_ns = fy_clock_monotonic_ns();
    ring->lanes = 1;
    ring->moment = MOMENTS;
    dial(ring);
    cr_assert(run_until(&ring->loop, &ring->greeted));
    ring->setup_us = (fy_clock_monotonic_ns() - start_ns) / 1000;
    fy_session_close(&ring->session);
    ring->over = true;
    cr_assert(run_until(&ring->loop, &ring->closed));
}

static void fight(struct ring *ring)
{
    static const unsigned lanes[] = {1, 2, 8};
    ring->lanes = lanes[draw(ring, 3)];
    ring->deed = draw(ring, DEEDS);
    ring->moment = draw(ring, 2) ? LATER : draw(ring, MOMENTS);
    dial(ring);
    run_for_us(ring, draw(ring, (uint32_t)(2 * ring->setup_us)));
    act(ring); /* at the latest */
    if (ring->deed == GUESTS_CLOSE || ring->deed == CUT)
        run_for_us(ring, draw(ring, (uint32_t)(2 * ring->setup_us)));
    if (!ring->closed && ring->deed != FINISH)
        end_at_once(ring, CLOSE);
    cr_assert(run_until(&ring->loop, &ring->closed), "lanes %u, deed %d, moment %d", ring->lanes, ring->deed,
              ring->moment);
    close_guests(ring);
}

/* ---- what is left ---- */

static unsigned count_entries(const char *directory)
{
    unsigned count = 0;
    DIR *entries = opendir(directory);
    while (readdir(entries))
        count++;
    (void)closedir(entries);
    return count;
}

static uint64_t number_from(const char *variable, uint64_t otherwise)
{
    const char *text = getenv(variable);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

Test(session_ending, at_any_moment_leaves_nothing, .init = ignore_sigpipe)
{
    struct sshd sshd;
    char command[512];
    static struct ring ring;
    uint64_t rounds = number_from("FERRY_ENDING_ROUNDS", ROUNDS);
    (void)fy_ssh_global_init(NULL);
    server_make_directory(&ring.server);
    (void)snprintf(command, sizeof(command), "%s %s", DIAL_HELPER, ring.server.path);
    sshd_start(&sshd, command, "MaxStartups 1000");
    ring.sshd = &sshd;
    ring.ssh = sshd_options(&sshd);
    ring.dice = number_from("FERRY_ENDING_SEED", SEED);
    ring_open(&ring);
    measure_setup(&ring);
    for (unsigned i = 0; i < WARM_UP_ROUNDS; i++)
        fight(&ring);
    ring_close(&ring);
    unsigned descriptors = count_entries("/proc/self/fd"), threads = count_entries("/proc/self/task");
    size_t used_bytes = mallinfo2().uordblks;
    ring_open(&ring);
    for (uint64_t i = 0; i < rounds; i++) {
        fight(&ring);
        cr_assert_eq(ring.closed, 1, "round %lu: closed %u times", i, ring.closed);
        cr_assert_eq(ring.wrong, 0, "round %lu: an event that must not come", i);
    }
    ring_close(&ring);
    cr_expect_eq(ring.closed, 1);
    cr_expect_eq(count_entries("/proc/self/fd"), descriptors);
    cr_expect_eq(count_entries("/proc/self/task"), threads);
    cr_expect_lt(mallinfo2().uordblks, used_bytes + LEFT_BYTES);
    sshd_stop(&sshd);
    server_remove_directory(&ring.server);
    fy_ssh_global_done();
}
