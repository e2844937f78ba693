/* Bodies of every size through a link that puts them together, from a peer that writes as it likes: what arrives, who
 * owns it, and what it costs that something was announced. */
#include "party.h"
#include <criterion/criterion.h>
#include <errno.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <ferry/base/spare.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MIB (1024u * 1024u)
#define PREFIX_BYTES 8u
#define HEAD_BYTES 2u

TestSuite(bodies, .init = ignore_sigpipe);

struct taken {
    uint8_t *body;
    size_t size;
};

/* The receiving side, and a peer that is nothing but a socket. */
struct scene {
    uv_loop_t loop;
    struct server server;
    int peer;
    struct fy_link *link; /* NULL: closed */
    struct fy_error error;
    unsigned closed;
    bool keeps; /* takes the bodies */
    bool twice; /* … and then once more */
    struct taken taken[64];
    unsigned frames;
};

static void on_frame(struct fy_link *link, const struct fy_frame *frame, void *data)
{
    (void)link;
    struct scene *scene = data;
    struct taken *taken = &scene->taken[scene->frames++];
    taken->size = frame->body_bytes;
    if (!scene->keeps || frame->body_bytes == 0)
        return;
    taken->body = fy_frame_take_body(frame);
    cr_assert(taken->body);
    cr_expect_arr_eq(frame->body, taken->body, taken->size, "the frame's is valid as long as what was taken");
    if (!scene->twice)
        return;
    uint8_t *again = fy_frame_take_body(frame);
    cr_assert(again && again != taken->body);
    cr_expect_arr_eq(again, taken->body, taken->size);
    fy_spare_give(again);
}

static void on_closed(struct fy_link *link, const struct fy_error *err, void *data)
{
    (void)link;
    struct scene *scene = data;
    scene->closed++;
    scene->link = NULL;
    if (err)
        scene->error = *err;
}

static struct scene *current; /* the server's callback knows only the server */

static void on_accepted(struct server *server, struct party *party)
{
    static const struct fy_link_events events = {.frame = on_frame, .closed = on_closed};
    (void)server;
    current->link = party->link;
    party->link = NULL;
    party->closed = 1;
    fy_link_set_events(current->link, &events, current);
}

static int connect_raw(const struct scene *scene)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", scene->server.path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static void scene_start(struct scene *scene)
{
    *scene = (struct scene){0};
    current = scene;
    (void)uv_loop_init(&scene->loop);
    scene->server.on_accept = on_accepted;
    server_start(&scene->server, &scene->loop, 0);
    scene->peer = connect_raw(scene);
    cr_assert(run_until(&scene->loop, &scene->server.accepted));
}

static void scene_stop(struct scene *scene)
{
    if (scene->link)
        fy_link_close(scene->link);
    server_stop(&scene->server);
    cr_expect(loop_ends_clean(&scene->loop));
    cr_expect_eq(scene->closed, 1);
    for (unsigned i = 0; i < scene->frames; i++)
        fy_spare_give(scene->taken[i].body);
    fy_spare_drop();
    (void)close(scene->peer);
    server_remove_directory(&scene->server);
}

/* Writes in pieces of `step`, the loop running in between. */
static void pour(struct scene *scene, const uint8_t *bytes, size_t size, size_t step)
{
    while (size > 0 && scene->link) {
        ssize_t put = send(scene->peer, bytes, size < step ? size : step, MSG_DONTWAIT | MSG_NOSIGNAL);
        cr_assert(put > 0 || errno == EAGAIN || errno == EPIPE);
        bytes += put > 0 ? put : 0;
        size -= put > 0 ? (size_t)put : 0;
        (void)uv_run(&scene->loop, UV_RUN_NOWAIT);
    }
}

static size_t put_prefix(uint8_t *at, uint32_t body_bytes)
{
    const uint8_t head[] = {8, 1}; /* field 1: 1 */
    const uint32_t lengths[] = {HEAD_BYTES, body_bytes};
    memcpy(at, lengths, PREFIX_BYTES);
    memcpy(at + PREFIX_BYTES, head, HEAD_BYTES);
    return PREFIX_BYTES + HEAD_BYTES;
}

/* --- what arrives ----------------------------------------------------------------------------------------------- */

static const uint32_t sizes[] = {0,   1,      16373, 16374, 16375,   65535,  65536, 65537, 7,          81920,
                                 MIB, 131072, 0,     MIB,   MIB - 1, 100000, 4096,  65536, MIB / 2 + 1};

/* All of them in a row; free it. */
static uint8_t *packed_frames(size_t *size)
{
    uint8_t *bytes = malloc(FY_ARRAY_SIZE(sizes) * (PREFIX_BYTES + HEAD_BYTES + MIB));
    uint64_t seed = 4711;
    *size = 0;
    for (size_t i = 0; i < FY_ARRAY_SIZE(sizes); i++) {
        uint8_t *body = bytes + (*size += put_prefix(bytes + *size, sizes[i]));
        fill_random(&seed, body, sizes[i]);
        *size += sizes[i];
    }
    return bytes;
}

static void expect_all(const struct scene *scene, const uint8_t *bytes)
{
    cr_assert_eq(scene->frames, FY_ARRAY_SIZE(sizes));
    for (size_t i = 0; i < FY_ARRAY_SIZE(sizes); i++) {
        bytes += PREFIX_BYTES + HEAD_BYTES;
        cr_expect_eq(scene->taken[i].size, sizes[i]);
        cr_expect(!scene->keeps || sizes[i] == 0 || memcmp(scene->taken[i].body, bytes, sizes[i]) == 0,
                  "frame %zu of %u bytes", i, sizes[i]);
        bytes += sizes[i];
    }
}

static void assert_all_arrive(bool keeps, bool twice, size_t step)
{
    struct scene scene;
    size_t size;
    FY_AUTO_FREE uint8_t *bytes = packed_frames(&size);
    scene_start(&scene);
    scene.keeps = keeps;
    scene.twice = twice;
    pour(&scene, bytes, size, step);
    while (scene.link && scene.frames < FY_ARRAY_SIZE(sizes))
        (void)uv_run(&scene.loop, UV_RUN_ONCE);
    expect_all(&scene, bytes);
    scene_stop(&scene);
}

Test(bodies, of_every_size_arrive_whole_however_they_are_cut)
{
    const size_t steps[] = {997, 16384, 65546, 300000, 4 * MIB};
    for (size_t i = 0; i < FY_ARRAY_SIZE(steps); i++)
        assert_all_arrive(true, false, steps[i]);
}

Test(bodies, that_nobody_takes_are_freed)
{
    assert_all_arrive(false, false, 50000);
}

Test(bodies, can_be_taken_twice)
{
    assert_all_arrive(true, true, 50000);
}

/* --- whose it is ------------------------------------------------------------------------------------------------ */

static unsigned moved, copied;

static void note_how(struct fy_link *link, const struct fy_frame *frame, void *data)
{
    (void)link;
    struct scene *scene = data;
    struct taken *taken = &scene->taken[scene->frames++];
    taken->size = frame->body_bytes;
    taken->body = fy_frame_take_body(frame);
    *(taken->body == frame->body ? &moved : &copied) += 1;
}

Test(bodies, that_are_large_are_not_copied)
{
    static const struct fy_link_events events = {.frame = note_how, .closed = on_closed};
    struct scene scene;
    uint8_t prefix[PREFIX_BYTES + HEAD_BYTES];
    FY_AUTO_FREE uint8_t *body = calloc(1, MIB);
    scene_start(&scene);
    fy_link_set_events(scene.link, &events, &scene);
    for (uint32_t i = 0; i < 8; i++) {
        uint32_t size = i % 2 ? MIB : 1000;
        pour(&scene, prefix, put_prefix(prefix, size), sizeof(prefix));
        pour(&scene, body, size, size);
    }
    while (scene.link && scene.frames < 8)
        (void)uv_run(&scene.loop, UV_RUN_ONCE);
    cr_expect_eq(moved, 4);
    cr_expect_eq(copied, 4);
    scene_stop(&scene);
}

/* --- ends in the middle ----------------------------------------------------------------------------------------- */

/* The peer has sent this much of a body of 1 MiB. */
static void begin_body(struct scene *scene, size_t body_bytes)
{
    FY_AUTO_FREE uint8_t *bytes = calloc(1, PREFIX_BYTES + HEAD_BYTES + MIB);
    scene_start(scene);
    pour(scene, bytes, put_prefix(bytes, MIB) + body_bytes, MIB);
    run_for(&scene->loop, 10);
    cr_expect_eq(scene->frames, 0);
}

Test(bodies, cut_off_by_the_end_are_named)
{
    const size_t reached[] = {0, 1, 20000, MIB - 1};
    for (size_t i = 0; i < FY_ARRAY_SIZE(reached); i++) {
        struct scene scene;
        begin_body(&scene, reached[i]);
        cr_assert_eq(shutdown(scene.peer, SHUT_RDWR), 0);
        cr_assert(run_until(&scene.loop, &scene.closed));
        cr_expect_eq(scene.error.code, FY_E_UNREACHABLE);
        cr_expect(strstr(scene.error.message, "in the middle of a frame"), "%s", scene.error.message);
        scene_stop(&scene);
    }
}

Test(bodies, under_way_do_not_keep_a_link_from_closing)
{
    struct scene scene;
    begin_body(&scene, MIB / 2);
    fy_link_close(scene.link);
    cr_assert(run_until(&scene.loop, &scene.closed));
    scene_stop(&scene);
}

Test(bodies, that_still_come_while_a_link_finishes_are_dropped)
{
    struct scene scene;
    begin_body(&scene, MIB / 2);
    FY_AUTO_FREE uint8_t *rest = calloc(1, 8 * MIB);
    memset(rest, 0xff, 8 * MIB);
    fy_link_finish(scene.link, 60000);
    pour(&scene, rest, 8 * MIB, MIB);
    (void)shutdown(scene.peer, SHUT_RDWR);
    cr_assert(run_until(&scene.loop, &scene.closed));
    cr_expect_eq(scene.frames, 0);
    scene_stop(&scene);
}

/* --- what was only announced ------------------------------------------------------------------------------------ */

static size_t resident_bytes(void)
{
    unsigned long total = 0, resident = 0;
    FILE *statm = fopen("/proc/self/statm", "re");
    cr_assert(statm && fscanf(statm, "%lu %lu", &total, &resident) == 2);
    (void)fclose(statm);
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}

Test(bodies, that_are_only_announced_cost_no_memory)
{
    enum { LINKS = 60 };
    uv_loop_t loop;
    struct server server = {0};
    struct scene peers = {0};
    int fds[LINKS];
    uint8_t prefix[PREFIX_BYTES + HEAD_BYTES];
    (void)uv_loop_init(&loop);
    server_start(&server, &loop, 0);
    peers.server = server;
    size_t before = resident_bytes();
    for (int i = 0; i < LINKS; i++) {
        fds[i] = connect_raw(&peers);
        cr_assert_eq(write(fds[i], prefix, put_prefix(prefix, MIB)), (ssize_t)sizeof(prefix));
    }
    while (server.accepted < LINKS)
        (void)uv_run(&loop, UV_RUN_ONCE);
    run_for(&loop, 50);
    for (int i = 0; i < LINKS; i++)
        cr_assert_eq(write(fds[i], prefix, 1), 1); /* and this little of the body */
    run_for(&loop, 50);
    cr_expect_lt(resident_bytes() - before, LINKS * (size_t)MIB / 4);
    for (int i = 0; i < LINKS; i++)
        (void)close(fds[i]);
    server_stop(&server);
    cr_expect(loop_ends_clean(&loop));
    server_remove_directory(&server);
}
