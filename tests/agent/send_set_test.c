/* An image set goes over a real link between two sessions and arrives the same. */
#include "block.h"
#include "hash.h"
#include "pace.h"
#include "punch.h"
#include "receive_set.h"
#include "send_set.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/clock.h>
#include <ferry/base/fs.h>
#include <ferry/transport/local.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct side {
    struct fy_session session;
    struct rig *rig;
};

struct rig {
    uv_loop_t loop;
    char base[64];
    char from[96];
    char to[96];
    char socket[96];
    struct fy_listener *listener;
    struct side sender;
    struct side receiver;
    struct fy_send_set *send;
    struct fy_receive_set *receive;
    uint64_t kept_bytes; /* as the receiver has said */
    bool queued;
    bool sent;
    bool grows; /* the directory is not complete when sending starts: `write_more` does the rest */
    bool arrived;
    bool gives_up; /* the sender closes when its set is done */
    unsigned writes;
    uint64_t free_bytes;  /* of memory, when the set is complete */
    bool cut_early;       /* close the link as soon as the first file begins */
    bool waits;           /* what writes the set waits for a processor all the time */
    uint32_t kept_chunks; /* as the sender has heard */
    uint32_t most_under_way;
    struct fy_error send_error;
    struct fy_error receive_error;
    unsigned closed;
};

/* The word for the whole may say again what the one before it said; ferryd sends it once, and so do we. */
static void received(uint32_t chunks, uint64_t bytes, void *data)
{
    struct rig *rig = data;
    if (bytes == rig->kept_bytes && bytes > 0)
        return;
    rig->kept_bytes = bytes;
    Ferry__Peer__Received message = FERRY__PEER__RECEIVED__INIT;
    message.chunks = chunks;
    message.bytes = bytes;
    Ferry__Peer__Frame frame = FY_PEER_FRAME(received, FERRY__PEER__FRAME__KIND_RECEIVED, &message);
    cr_expect_eq(fy_session_send(&rig->receiver.session, &frame, NULL, 0, NULL), 0);
}

static void kept(uint64_t number, void *data)
{
    struct rig *rig = data;
    fy_session_data_kept(&rig->receiver.session, number);
}

static void set_arrived(const struct fy_error *err, void *data)
{
    struct rig *rig = data;
    rig->receive = NULL;
    rig->arrived = true;
    fy_error_propagate(&rig->receive_error, err);
    fy_session_finish(&rig->receiver.session, 5000); /* the last acknowledgement still goes out */
}

static void set_queued(void *data)
{
    struct rig *rig = data;
    cr_expect_not(rig->queued);
    rig->queued = true;
}

static void set_sent(const struct fy_error *err, void *data)
{
    struct rig *rig = data;
    rig->send = NULL;
    rig->sent = true;
    fy_error_propagate(&rig->send_error, err);
    if (rig->gives_up)
        fy_session_close(&rig->sender.session);
}

static bool waited(uint64_t *wait_ns, void *data)
{
    const struct rig *rig = data;
    *wait_ns = fy_clock_monotonic_ns();
    return rig->waits;
}

static const struct fy_send_set_events send_events = {.queued = set_queued, .done = set_sent, .waited = waited};

static void greeted(struct fy_session *session, const Ferry__Peer__Hello *hello)
{
    struct side *side = fy_container_of(session, struct side, session);
    struct rig *rig = side->rig;
    struct fy_error err = FY_ERROR_INIT;
    cr_expect_str_eq(hello->name, side == &rig->sender ? "receiver" : "sender");
    if (side != &rig->sender)
        return;
    cr_assert_eq(fy_send_set_start(&rig->loop, rig->from, session, &send_events, rig, &rig->send, &err), 0, "%s",
                 err.message);
    if (!rig->grows)
        fy_send_set_complete(rig->send, rig->free_bytes);
}

static void frame_arrived(struct fy_session *session, const Ferry__Peer__Frame *frame, const uint8_t *body,
                          size_t body_bytes)
{
    struct rig *rig = fy_container_of(session, struct side, session)->rig;
    (void)body;
    (void)body_bytes;
    if (session == &rig->sender.session) {
        cr_assert_eq(frame->kind_case, FERRY__PEER__FRAME__KIND_RECEIVED);
        rig->kept_chunks = frame->received->chunks;
        cr_expect_eq(fy_send_set_acknowledged(rig->send, frame->received, NULL), 0);
    } else if (rig->receive)
        fy_receive_set_frame(rig->receive, frame);
}

static void data_arrived(struct fy_session *session, uint64_t number, const Ferry__Peer__Frame *frame,
                         const struct fy_frame *raw)
{
    struct rig *rig = fy_container_of(session, struct side, session)->rig;
    uint32_t under_way = frame->chunk->number + 1 - rig->kept_chunks;
    if (under_way > rig->most_under_way)
        rig->most_under_way = under_way;
    if (rig->cut_early)
        fy_session_close(session);
    else if (rig->receive)
        fy_receive_set_data(rig->receive, number, frame, raw);
}

static void drained(struct fy_session *session)
{
    struct rig *rig = fy_container_of(session, struct side, session)->rig;
    if (rig->send)
        fy_send_set_drained(rig->send);
}

static void closed(struct fy_session *session, const struct fy_error *err)
{
    struct rig *rig = fy_container_of(session, struct side, session)->rig;
    rig->closed++;
    if (rig->send)
        fy_send_set_drained(rig->send); /* it sees that the link is gone */
    if (session == &rig->receiver.session && rig->receive) {
        struct fy_error lost = FY_ERROR_INIT;
        fy_error_propagate(&lost, err);
        fy_error_set(&lost, FY_E_CANCELLED, "closed");
        fy_receive_set_stop(rig->receive, &lost);
    }
}

static const struct fy_session_events events = {
    .greeted = greeted, .frame = frame_arrived, .data = data_arrived, .drained = drained, .closed = closed};

static void init_session(struct rig *rig, struct fy_session *session, const char *name)
{
    struct fy_session_options options = {.loop = &rig->loop, .own_name = name, .link_timeout_ms = 60000};
    fy_session_init(session, &options, &events);
}

static int dial(uv_loop_t *loop, void *data, const struct fy_link_events *link_events, void *events_data,
                struct fy_link **link, struct fy_error *err)
{
    const struct rig *rig = data;
    return fy_local_connect(loop, rig->socket, link_events, events_data, link, err);
}

static void accepted(struct fy_link *link, uid_t uid, pid_t pid, void *data)
{
    (void)uid;
    (void)pid;
    struct rig *rig = data;
    init_session(rig, &rig->receiver.session, "receiver");
    cr_assert_eq(fy_session_accept(&rig->receiver.session, link, NULL), 0);
    fy_listener_close(rig->listener, NULL, NULL);
}

static void open_rig(struct rig *rig)
{
    static const struct fy_receive_set_events receive_events = {
        .received = received, .kept = kept, .done = set_arrived};
    struct fy_error err = FY_ERROR_INIT;
    (void)signal(SIGPIPE, SIG_IGN); /* as ferryd does: a link may go in the middle of a write */
    *rig = (struct rig){.base = "/dev/shm/ferry-send-XXXXXX"};
    rig->sender.rig = rig->receiver.rig = rig;
    cr_assert(mkdtemp(rig->base));
    (void)snprintf(rig->from, sizeof rig->from, "%s/from", rig->base);
    (void)snprintf(rig->to, sizeof rig->to, "%s/to", rig->base);
    (void)snprintf(rig->socket, sizeof rig->socket, "%s/socket", rig->base);
    cr_assert_eq(fy_fs_make_directories(rig->from, 0700, &err), 0);
    cr_assert_eq(fy_fs_make_directories(rig->to, 0700, &err), 0);
    cr_assert_eq(uv_loop_init(&rig->loop), 0);
    cr_assert_eq(fy_receive_set_start(&rig->loop, rig->to, UINT64_MAX, &receive_events, rig, &rig->receive, &err), 0);
    struct fy_listener_options options = {
        .path = rig->socket, .mode = 0600, .owner_uid = (uid_t)-1, .owner_gid = (gid_t)-1, .max_links = 2};
    cr_assert_eq(fy_listener_start(&rig->loop, &options, accepted, rig, &rig->listener, &err), 0, "%s", err.message);
}

static void run_rig(struct rig *rig)
{
    struct fy_error err = FY_ERROR_INIT;
    struct fy_dialer dialer = {.dial = dial, .data = rig};
    init_session(rig, &rig->sender.session, "sender");
    cr_assert_eq(fy_session_connect(&rig->sender.session, &dialer, &err), 0, "%s", err.message);
    (void)uv_run(&rig->loop, UV_RUN_DEFAULT);
    cr_expect(rig->sent);
    cr_expect(rig->arrived);
    cr_expect_eq(rig->closed, 2);
    cr_expect_eq(uv_loop_close(&rig->loop), 0);
}

static void add_file(const struct rig *rig, const char *name, size_t size, unsigned zero_every)
{
    char path[160];
    uint8_t *data = malloc(size ? size : 1);
    cr_assert(data);
    for (size_t i = 0; i < size; i++)
        data[i] = (i / 4096) % zero_every == 0 ? 0 : (uint8_t)(i * 2654435761u >> 13);
    (void)snprintf(path, sizeof path, "%s/%s", rig->from, name);
    cr_assert_eq(fy_fs_write_file(path, data, size, 0600, NULL), 0);
    free(data);
}

static void expect_same(const struct rig *rig, const char *name)
{
    char path[160];
    char *ours = NULL;
    char *theirs = NULL;
    size_t our_size = 0;
    size_t their_size = 0;
    (void)snprintf(path, sizeof path, "%s/%s", rig->from, name);
    cr_assert_eq(fy_fs_read_file(path, SIZE_MAX / 2, &ours, &our_size, NULL), 0);
    (void)snprintf(path, sizeof path, "%s/%s", rig->to, name);
    cr_assert_eq(fy_fs_read_file(path, SIZE_MAX / 2, &theirs, &their_size, NULL), 0);
    cr_expect_eq(our_size, their_size);
    cr_expect_eq(memcmp(ours, theirs, our_size), 0, "%s", name);
    free(ours);
    free(theirs);
}

Test(send_set, arrives_byte_for_byte)
{
    static const struct {
        const char *name;
        size_t size;
        unsigned zero_every;
    } files[] = {
        {"inventory.img", 100, 9},          {"empty.img", 0, 1},
        {"all-zero.img", 3u << 20, 1},      {"pages-1.img", 40u << 20, 3},
        {"pages-2.img", (1u << 20) + 1, 2}, {"mm-1.img", 1u << 20, 7},
    };
    struct rig rig;
    open_rig(&rig);
    for (size_t i = 0; i < FY_ARRAY_SIZE(files); i++)
        add_file(&rig, files[i].name, files[i].size, files[i].zero_every);
    run_rig(&rig);
    cr_expect_eq(rig.send_error.code, FY_OK, "%s", rig.send_error.message);
    cr_expect_eq(rig.receive_error.code, FY_OK, "%s", rig.receive_error.message);
    for (size_t i = 0; i < FY_ARRAY_SIZE(files); i++)
        expect_same(&rig, files[i].name);
    cr_expect_eq(fy_fs_remove_tree(rig.base, NULL), 0);
}

Test(send_set, a_link_that_closes_ends_both_sides_once)
{
    struct rig rig;
    open_rig(&rig);
    rig.cut_early = true;
    add_file(&rig, "pages-1.img", 64u << 20, 1000);
    run_rig(&rig);
    cr_expect_eq(rig.send_error.code, FY_E_UNREACHABLE, "%s", rig.send_error.message);
    cr_expect_neq(rig.receive_error.code, FY_OK);
    cr_expect_eq(fy_fs_remove_tree(rig.base, NULL), 0);
}

Test(send_set, refuses_what_is_not_a_plain_file)
{
    struct rig rig;
    char path[160];
    open_rig(&rig);
    (void)snprintf(path, sizeof path, "%s/parent", rig.from);
    cr_assert_eq(symlink("/etc", path), 0);
    rig.gives_up = true;
    run_rig(&rig);
    cr_expect_not(rig.queued);
    cr_expect_eq(rig.send_error.code, FY_E_VERIFY);
    cr_expect(strstr(rig.send_error.message, "parent"));
    cr_expect_eq(fy_fs_remove_tree(rig.base, NULL), 0);
}

/* ---- memory is given back ---- */

static uint64_t hash_of(const char *directory, const char *name, uint64_t *allocated)
{
    char path[160];
    char *content = NULL;
    size_t size = 0;
    struct stat st;
    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    cr_assert_eq(stat(path, &st), 0);
    *allocated = (uint64_t)st.st_blocks * 512;
    cr_assert_eq(fy_fs_read_file(path, SIZE_MAX / 2, &content, &size, NULL), 0);
    uint64_t hash = XXH3_64bits(content, size);
    free(content);
    return hash;
}

Test(send_set, pages_of_a_large_set_are_punched_out_as_they_arrive)
{
    struct rig rig;
    uint64_t before, after, there;
    open_rig(&rig);
    add_file(&rig, "pages-1.img", 150u << 20, 1000000);
    uint64_t hash = hash_of(rig.from, "pages-1.img", &before);
    cr_expect(fy_punch_is_whole(rig.from));
    run_rig(&rig);
    cr_expect_eq(rig.send_error.code, FY_OK, "%s", rig.send_error.message);
    cr_expect_eq(hash_of(rig.to, "pages-1.img", &there), hash);
    cr_expect_neq(hash_of(rig.from, "pages-1.img", &after), hash);
    cr_expect_lt(after, before / 2);
    cr_expect_not(fy_punch_is_whole(rig.from));
    cr_expect_eq(fy_fs_remove_tree(rig.base, NULL), 0);
}

/* Punching takes time, and what is whole can be restored at the source. */
Test(send_set, a_large_set_stays_whole_where_memory_is_plenty)
{
    struct rig rig;
    open_rig(&rig);
    rig.free_bytes = 600u << 20;
    add_file(&rig, "pages-1.img", 140u << 20, 1000000);
    run_rig(&rig);
    cr_expect_eq(rig.send_error.code, FY_OK, "%s", rig.send_error.message);
    cr_expect(fy_punch_is_whole(rig.from));
    expect_same(&rig, "pages-1.img");
    cr_expect_eq(fy_fs_remove_tree(rig.base, NULL), 0);
}

Test(send_set, what_stays_follows_the_memory_that_is_free)
{
    cr_expect_eq(fy_punch_spare_bytes(0), FY_PUNCH_SPARE_BYTES);
    cr_expect_eq(fy_punch_spare_bytes(UINT64_MAX), FY_PUNCH_SPARE_BYTES, "nobody knows");
    cr_expect_eq(fy_punch_spare_bytes(4 * (uint64_t)FY_PUNCH_SPARE_BYTES + 3), FY_PUNCH_SPARE_BYTES);
    cr_expect_eq(fy_punch_spare_bytes(UINT64_C(8) << 30), UINT64_C(2) << 30);
}

Test(send_set, a_small_set_stays_whole)
{
    struct rig rig;
    open_rig(&rig);
    add_file(&rig, "pages-1.img", 40u << 20, 1000000);
    add_file(&rig, "pages-2.img", 0, 1);
    add_file(&rig, "mm-1.img", 3000, 9);
    run_rig(&rig);
    cr_expect(fy_punch_is_whole(rig.from));
    expect_same(&rig, "pages-1.img");
    cr_expect_eq(fy_fs_remove_tree(rig.base, NULL), 0);
    cr_expect_not(fy_punch_is_whole(rig.from)); /* it can't say so of what is not there */
}

/* ---- a set that grows while it is sent ---- */

static void append(const struct rig *rig, const char *name, size_t size)
{
    char path[160];
    uint8_t *data = malloc(size);
    cr_assert(data);
    for (size_t i = 0; i < size; i++)
        data[i] = (uint8_t)(i * 2654435761u >> 11);
    (void)snprintf(path, sizeof path, "%s/%s", rig->from, name);
    FY_AUTO_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    cr_assert_eq(write(fd, data, size), (ssize_t)size);
    free(data);
}

/* What CRIU does: pages are appended in pieces of any size, a small image is written and then changed. */
static void write_more(uv_timer_t *timer)
{
    struct rig *rig = timer->data;
    if (!rig->send)
        return; /* not connected yet */
    if (rig->writes == 0)
        append(rig, "mm-7.img", 500);
    if (rig->writes++ < 40) {
        append(rig, rig->writes % 3 ? "pages-1.img" : "pages-2.img", 317u * 1024u);
        if (rig->writes > 20)
            append(rig, "pages-3.img", 1u << 20);
        return;
    }
    struct fy_send_set_stats stats;
    fy_send_set_get_stats(rig->send, &stats);
    if (stats.kept_bytes == 0)
        return; /* the test is about what goes out before the set is complete */
    cr_expect_eq(stats.total_bytes, 0);
    add_file(rig, "mm-7.img", 3000, 9);
    add_file(rig, "inventory.img", 100, 9);
    fy_send_set_complete(rig->send, rig->free_bytes);
    uv_close((uv_handle_t *)timer, NULL);
}

Test(send_set, follows_a_set_that_grows)
{
    static const char *const names[] = {"pages-1.img", "pages-2.img", "pages-3.img", "mm-7.img", "inventory.img"};
    struct rig rig;
    uv_timer_t timer;
    open_rig(&rig);
    rig.grows = true;
    timer.data = &rig;
    (void)uv_timer_init(&rig.loop, &timer);
    (void)uv_timer_start(&timer, write_more, 20, 1);
    run_rig(&rig);
    cr_expect(rig.queued);
    cr_expect_eq(rig.send_error.code, FY_OK, "%s", rig.send_error.message);
    cr_expect_eq(rig.receive_error.code, FY_OK, "%s", rig.receive_error.message);
    for (size_t i = 0; i < FY_ARRAY_SIZE(names); i++)
        expect_same(&rig, names[i]);
    cr_expect_eq(fy_fs_remove_tree(rig.base, NULL), 0);
}

/* Nearly all of it has arrived, and some time passes in which it could have been punched out. */
static void look_at_kept(uv_timer_t *timer)
{
    struct rig *rig = timer->data;
    struct fy_send_set_stats stats = {0};
    if (rig->send)
        fy_send_set_get_stats(rig->send, &stats);
    if (stats.kept_bytes < 90u << 20 || rig->writes++ < 20)
        return;
    cr_expect(fy_punch_is_whole(rig->from));
    fy_send_set_complete(rig->send, rig->free_bytes);
    uv_close((uv_handle_t *)timer, NULL);
}

Test(send_set, nothing_is_punched_out_while_the_set_grows)
{
    struct rig rig;
    uv_timer_t timer;
    open_rig(&rig);
    add_file(&rig, "pages-1.img", 100u << 20, 1000000);
    rig.grows = true;
    timer.data = &rig;
    (void)uv_timer_init(&rig.loop, &timer);
    (void)uv_timer_start(&timer, look_at_kept, 20, 5);
    run_rig(&rig);
    cr_expect_eq(rig.send_error.code, FY_OK, "%s", rig.send_error.message);
    cr_expect_not(fy_punch_is_whole(rig.from));
    cr_expect_eq(fy_fs_remove_tree(rig.base, NULL), 0);
}

/* Most of it has arrived, and nothing has ended the wait. */
static void look_at_under_way(uv_timer_t *timer)
{
    struct rig *rig = timer->data;
    struct fy_send_set_stats stats = {0};
    if (rig->send)
        fy_send_set_get_stats(rig->send, &stats);
    if (stats.kept_bytes < 50u << 20)
        return;
    cr_expect_leq(rig->most_under_way, FY_PACE_LEAST_BLOCKS);
    fy_send_set_complete(rig->send, rig->free_bytes);
    uv_close((uv_handle_t *)timer, NULL);
}

Test(send_set, little_is_under_way_while_what_writes_the_set_waits_for_a_processor)
{
    struct rig rig;
    uv_timer_t timer;
    open_rig(&rig);
    add_file(&rig, "pages-1.img", (60u << 20) + 100, 1000000);
    rig.grows = rig.waits = true;
    timer.data = &rig;
    (void)uv_timer_init(&rig.loop, &timer);
    (void)uv_timer_start(&timer, look_at_under_way, 20, 5);
    run_rig(&rig);
    cr_expect_eq(rig.send_error.code, FY_OK, "%s", rig.send_error.message);
    expect_same(&rig, "pages-1.img");
    cr_expect_eq(fy_fs_remove_tree(rig.base, NULL), 0);
}
