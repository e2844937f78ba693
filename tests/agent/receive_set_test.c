/* A peer that breaks the rules while it sends an image set: each breach has its typed error, and nothing leaks. */
#include "block.h"
#include "receive_set.h"

#include <criterion/criterion.h>
#include <ferry/base/fs.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT (4u * 1024u * 1024u)

struct fixture {
    uv_loop_t loop;
    char directory[64];
    struct fy_receive_set *receive;
    unsigned done;
    struct fy_error error;
    uint64_t received;
};

static void received(uint64_t bytes, void *data)
{
    ((struct fixture *)data)->received = bytes;
}

static void pressure(bool pause, void *data)
{
    (void)pause;
    (void)data;
}

static void done(const struct fy_error *err, void *data)
{
    struct fixture *fixture = data;
    fixture->done++;
    if (err)
        fixture->error = *err;
}

static const struct fy_receive_set_events events = {.received = received, .pressure = pressure, .done = done};

static void open_fixture(struct fixture *fixture)
{
    *fixture = (struct fixture){.directory = "/dev/shm/ferry-receive-XXXXXX"};
    struct fy_error err = FY_ERROR_INIT;
    cr_assert(mkdtemp(fixture->directory));
    cr_assert_eq(uv_loop_init(&fixture->loop), 0);
    cr_assert_eq(
        fy_receive_set_start(&fixture->loop, fixture->directory, LIMIT, &events, fixture, &fixture->receive, &err), 0);
}

/* Runs to the end; exactly one `done`, and the loop closes clean. */
static void close_fixture(struct fixture *fixture)
{
    (void)uv_run(&fixture->loop, UV_RUN_DEFAULT);
    cr_expect_eq(fixture->done, 1);
    cr_expect_eq(uv_loop_close(&fixture->loop), 0);
    cr_expect_eq(fy_fs_remove_tree(fixture->directory, NULL), 0);
}

static void begin(struct fixture *fixture, const char *name, uint64_t size)
{
    Ferry__Peer__FileBegin message = FERRY__PEER__FILE_BEGIN__INIT;
    message.name = (char *)name;
    message.size_bytes = size;
    Ferry__Peer__Frame frame = FY_PEER_FRAME(file_begin, FERRY__PEER__FRAME__KIND_FILE_BEGIN, &message);
    fy_receive_set_frame(fixture->receive, &frame, NULL, 0);
}

static uint64_t chunk_at(struct fixture *fixture, uint64_t offset, const void *data, uint32_t size, uint64_t spoil)
{
    Ferry__Peer__Chunk message = FERRY__PEER__CHUNK__INIT;
    message.offset = offset;
    message.raw_bytes = size;
    /* gcc 12 would take xxHash's branches for long inputs to be reachable with the literals below. */
    const void *volatile hidden = data;
    message.xxh3 = XXH3_64bits((const void *)hidden, size) ^ spoil;
    Ferry__Peer__Frame frame = FY_PEER_FRAME(chunk, FERRY__PEER__FRAME__KIND_CHUNK, &message);
    fy_receive_set_frame(fixture->receive, &frame, data, size);
    return message.xxh3;
}

static void end_file(struct fixture *fixture, uint64_t only_chunk, bool has_chunk, uint64_t spoil)
{
    XXH3_state_t tree;
    (void)XXH3_64bits_reset(&tree);
    if (has_chunk)
        fy_block_tree_update(&tree, only_chunk);
    Ferry__Peer__FileEnd message = FERRY__PEER__FILE_END__INIT;
    message.xxh3 = XXH3_64bits_digest(&tree) ^ spoil;
    Ferry__Peer__Frame frame = FY_PEER_FRAME(file_end, FERRY__PEER__FRAME__KIND_FILE_END, &message);
    fy_receive_set_frame(fixture->receive, &frame, NULL, 0);
}

static void end_set(struct fixture *fixture, uint32_t files, uint64_t bytes)
{
    Ferry__Peer__SetEnd message = FERRY__PEER__SET_END__INIT;
    message.files = files;
    message.bytes = bytes;
    Ferry__Peer__Frame frame = FY_PEER_FRAME(set_end, FERRY__PEER__FRAME__KIND_SET_END, &message);
    fy_receive_set_frame(fixture->receive, &frame, NULL, 0);
}

Test(receive_set, takes_a_correct_set)
{
    struct fixture fixture;
    open_fixture(&fixture);
    begin(&fixture, "empty.img", 0);
    end_file(&fixture, 0, false, 0);
    begin(&fixture, "a.img", 5);
    end_file(&fixture, chunk_at(&fixture, 0, "hello", 5, 0), true, 0);
    end_set(&fixture, 2, 5);
    (void)uv_run(&fixture.loop, UV_RUN_DEFAULT);
    char path[96];
    char *content = NULL;
    (void)snprintf(path, sizeof path, "%s/a.img", fixture.directory);
    cr_expect_eq(fy_fs_read_file(path, 100, &content, NULL, NULL), 0);
    cr_expect_str_eq(content, "hello");
    free(content);
    close_fixture(&fixture);
    cr_expect_eq(fixture.error.code, FY_OK, "%s", fixture.error.message);
    cr_expect_eq(fixture.received, 5);
}

Test(receive_set, refuses_names_that_leave_the_directory)
{
    static const char *const names[] = {"../x", "/etc/passwd", "", ".", "..", "a/b", "new\nline"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct fixture fixture;
        open_fixture(&fixture);
        begin(&fixture, names[i], 1);
        close_fixture(&fixture);
        cr_expect_eq(fixture.error.code, FY_E_PROTOCOL, "%s", names[i]);
    }
}

/* Each case breaks one rule after a correct beginning. */
typedef void (*breach)(struct fixture *fixture);

static void twice(struct fixture *f)
{
    begin(f, "a.img", 0);
    end_file(f, 0, false, 0);
    begin(f, "a.img", 0);
}

static void begin_within(struct fixture *f)
{
    begin(f, "a.img", 5);
    begin(f, "b.img", 5);
}

static void chunk_outside(struct fixture *f)
{
    (void)chunk_at(f, 0, "hello", 5, 0);
}

static void gap(struct fixture *f)
{
    begin(f, "a.img", 10);
    (void)chunk_at(f, 5, "hello", 5, 0);
}

static void past_the_end(struct fixture *f)
{
    begin(f, "a.img", 4);
    (void)chunk_at(f, 0, "hello", 5, 0);
}

static void ends_early(struct fixture *f)
{
    begin(f, "a.img", 10);
    end_file(f, chunk_at(f, 0, "hello", 5, 0), true, 0);
}

static void wrong_count(struct fixture *f)
{
    begin(f, "a.img", 0);
    end_file(f, 0, false, 0);
    end_set(f, 2, 0);
}

static void wrong_sum(struct fixture *f)
{
    begin(f, "a.img", 0);
    end_file(f, 0, false, 0);
    end_set(f, 1, 1);
}

static void other_frame(struct fixture *f)
{
    Ferry__Peer__Commit commit = FERRY__PEER__COMMIT__INIT;
    Ferry__Peer__Frame frame = FY_PEER_FRAME(commit, FERRY__PEER__FRAME__KIND_COMMIT, &commit);
    fy_receive_set_frame(f->receive, &frame, NULL, 0);
}

static void damaged_chunk(struct fixture *f)
{
    begin(f, "a.img", 5);
    end_file(f, chunk_at(f, 0, "hello", 5, 1), true, 0);
    end_set(f, 1, 5);
}

static void damaged_file(struct fixture *f)
{
    begin(f, "a.img", 5);
    end_file(f, chunk_at(f, 0, "hello", 5, 0), true, 1);
}

static void too_large(struct fixture *f)
{
    begin(f, "a.img", LIMIT);
    begin(f, "b.img", UINT64_MAX);
}

static void too_large_alone(struct fixture *f)
{
    begin(f, "a.img", UINT64_MAX);
}

Test(receive_set, names_each_breach)
{
    static const struct {
        breach commit;
        enum fy_code code;
    } cases[] = {
        {twice, FY_E_PROTOCOL},          {begin_within, FY_E_PROTOCOL},
        {chunk_outside, FY_E_PROTOCOL},  {gap, FY_E_PROTOCOL},
        {past_the_end, FY_E_PROTOCOL},   {ends_early, FY_E_PROTOCOL},
        {wrong_count, FY_E_PROTOCOL},    {wrong_sum, FY_E_PROTOCOL},
        {other_frame, FY_E_PROTOCOL},    {damaged_chunk, FY_E_VERIFY},
        {damaged_file, FY_E_VERIFY},     {too_large, FY_E_PROTOCOL},
        {too_large_alone, FY_E_NOSPACE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fixture fixture;
        open_fixture(&fixture);
        cases[i].commit(&fixture);
        close_fixture(&fixture);
        cr_expect_eq(fixture.error.code, cases[i].code, "case %zu: %s", i, fixture.error.message);
    }
}

Test(receive_set, can_be_stopped_with_blocks_under_way)
{
    struct fixture fixture;
    struct fy_error why = FY_ERROR_INIT;
    open_fixture(&fixture);
    begin(&fixture, "a.img", 10);
    (void)chunk_at(&fixture, 0, "hello", 5, 0);
    fy_error_set(&why, FY_E_CANCELLED, "enough");
    fy_receive_set_stop(fixture.receive, &why);
    close_fixture(&fixture);
    cr_expect_eq(fixture.error.code, FY_E_CANCELLED);
}
