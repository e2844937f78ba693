/* A peer that breaks the rules while it sends an image set: each breach has its typed error, and nothing leaks. */
#include "block.h"
#include "hash.h"
#include "receive_set.h"

#include <criterion/criterion.h>
#include <ferry/base/fs.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT (4u * 1024u * 1024u)
#define MOST_CHUNKS 64u

struct fixture {
    uv_loop_t loop;
    char directory[64];
    struct fy_receive_set *receive;
    unsigned done;
    struct fy_error error;
    uint64_t received;
    unsigned kept;
    uint32_t chunks;               /* sent */
    uint64_t records[MOST_CHUNKS]; /* by number */
};

static void received(uint32_t chunks, uint64_t bytes, void *data)
{
    (void)chunks;
    ((struct fixture *)data)->received = bytes;
}

static void kept(uint64_t number, void *data)
{
    struct fixture *fixture = data;
    cr_expect_eq(number, 1000); /* as every chunk here says */
    fixture->kept++;
}

static void done(const struct fy_error *err, void *data)
{
    struct fixture *fixture = data;
    fixture->done++;
    if (err)
        fixture->error = *err;
}

static const struct fy_receive_set_events events = {.received = received, .kept = kept, .done = done};

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

static void chunk_numbered(struct fixture *fixture, uint32_t number, uint32_t file, const char *name, uint64_t offset,
                           const void *data, uint32_t size, uint64_t spoil)
{
    Ferry__Peer__Chunk message = FERRY__PEER__CHUNK__INIT;
    message.number = number;
    message.file = file;
    message.name = (char *)name;
    message.offset = offset;
    message.raw_bytes = size;
    /* gcc 12 would take xxHash's branches for long inputs to be reachable with the literals below. */
    const void *volatile hidden = data;
    message.xxh3 = XXH3_64bits((const void *)hidden, size) ^ spoil;
    struct fy_block block = {.offset = offset, .raw_bytes = size, .xxh3 = message.xxh3};
    if (number < MOST_CHUNKS)
        fixture->records[number] = fy_block_record(&block, file);
    fixture->chunks++;
    Ferry__Peer__Frame frame = FY_PEER_FRAME(chunk, FERRY__PEER__FRAME__KIND_CHUNK, &message);
    fy_receive_set_data(fixture->receive, 1000, &frame, &(struct fy_frame){.body = data, .body_bytes = size});
}

static void chunk(struct fixture *fixture, uint32_t file, const char *name, uint64_t offset, const void *data,
                  uint32_t size)
{
    chunk_numbered(fixture, fixture->chunks, file, name, offset, data, size, 0);
}

static void end_file(struct fixture *fixture, uint32_t file, const char *name, uint64_t size)
{
    Ferry__Peer__FileEnd message = FERRY__PEER__FILE_END__INIT;
    message.file = file;
    message.name = (char *)name;
    message.size_bytes = size;
    Ferry__Peer__Frame frame = FY_PEER_FRAME(file_end, FERRY__PEER__FRAME__KIND_FILE_END, &message);
    fy_receive_set_frame(fixture->receive, &frame);
}

static void end_set_spoilt(struct fixture *fixture, uint32_t files, uint32_t chunks, uint64_t bytes, uint64_t spoil)
{
    uint64_t digest = 0;
    for (uint32_t i = 0; i < fixture->chunks; i++)
        digest = fy_block_chain(digest, fixture->records[i]);
    Ferry__Peer__SetEnd message = FERRY__PEER__SET_END__INIT;
    message.files = files;
    message.chunks = chunks;
    message.bytes = bytes;
    message.xxh3 = digest ^ spoil;
    Ferry__Peer__Frame frame = FY_PEER_FRAME(set_end, FERRY__PEER__FRAME__KIND_SET_END, &message);
    fy_receive_set_frame(fixture->receive, &frame);
}

static void end_set(struct fixture *fixture, uint32_t files, uint64_t bytes)
{
    end_set_spoilt(fixture, files, fixture->chunks, bytes, 0);
}

static void expect_content(const struct fixture *fixture, const char *name, const char *wanted)
{
    char path[96];
    char *content = NULL;
    (void)snprintf(path, sizeof path, "%s/%s", fixture->directory, name);
    cr_expect_eq(fy_fs_read_file(path, 100, &content, NULL, NULL), 0);
    cr_expect_str_eq(content, wanted);
    free(content);
}

Test(receive_set, takes_a_correct_set)
{
    struct fixture fixture;
    open_fixture(&fixture);
    end_file(&fixture, 0, "empty.img", 0);
    chunk(&fixture, 1, "a.img", 0, "hello", 5);
    end_file(&fixture, 1, "a.img", 5);
    end_set(&fixture, 2, 5);
    (void)uv_run(&fixture.loop, UV_RUN_DEFAULT);
    expect_content(&fixture, "a.img", "hello");
    expect_content(&fixture, "empty.img", "");
    close_fixture(&fixture);
    cr_expect_eq(fixture.error.code, FY_OK, "%s", fixture.error.message);
    cr_expect_eq(fixture.received, 5);
}

/* Frames that went over several connections. */
Test(receive_set, takes_a_correct_set_backwards)
{
    struct fixture fixture;
    uint8_t *block = calloc(1, FY_BLOCK_BYTES);
    struct fy_block described = {.raw_bytes = FY_BLOCK_BYTES, .xxh3 = XXH3_64bits(block, FY_BLOCK_BYTES)};
    open_fixture(&fixture);
    fixture.chunks = 3;
    fixture.records[0] = fy_block_record(&described, 4);
    described = (struct fy_block){.offset = FY_BLOCK_BYTES, .raw_bytes = 5, .xxh3 = XXH3_64bits("world", 5)};
    fixture.records[1] = fy_block_record(&described, 4);
    described = (struct fy_block){.raw_bytes = 5, .xxh3 = XXH3_64bits("hello", 5)};
    fixture.records[2] = fy_block_record(&described, 0);
    end_set(&fixture, 2, FY_BLOCK_BYTES + 10);
    end_file(&fixture, 0, "a.img", 5);
    chunk_numbered(&fixture, 2, 0, "a.img", 0, "hello", 5, 0);
    chunk_numbered(&fixture, 1, 4, "b.img", FY_BLOCK_BYTES, "world", 5, 0);
    end_file(&fixture, 4, "b.img", FY_BLOCK_BYTES + 5);
    chunk_numbered(&fixture, 0, 4, "b.img", 0, block, FY_BLOCK_BYTES, 0);
    close_fixture(&fixture);
    cr_expect_eq(fixture.error.code, FY_OK, "%s", fixture.error.message);
    cr_expect_eq(fixture.received, FY_BLOCK_BYTES + 10);
    cr_expect_eq(fixture.kept, 3);
    free(block);
}

Test(receive_set, refuses_names_that_leave_the_directory)
{
    static const char *const names[] = {"../x", "/etc/passwd", "", ".", "..", "a/b", "new\nline"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct fixture fixture;
        open_fixture(&fixture);
        if (i % 2)
            chunk(&fixture, 0, names[i], 0, "x", 1);
        else
            end_file(&fixture, 0, names[i], 1);
        close_fixture(&fixture);
        cr_expect_eq(fixture.error.code, FY_E_PROTOCOL, "%s", names[i]);
    }
}

/* Each case breaks one rule after a correct beginning. */
typedef void (*breach)(struct fixture *fixture);

static void file_twice(struct fixture *f)
{
    end_file(f, 0, "a.img", 0);
    end_file(f, 1, "a.img", 0);
}

static void end_twice(struct fixture *f)
{
    end_file(f, 0, "a.img", 0);
    end_file(f, 0, "a.img", 0);
}

static void other_name(struct fixture *f)
{
    chunk(f, 0, "a.img", 0, "hello", 5);
    end_file(f, 0, "b.img", 5);
}

static void between_blocks(struct fixture *f)
{
    chunk(f, 0, "a.img", 5, "hello", 5);
}

static void block_twice(struct fixture *f)
{
    chunk(f, 0, "a.img", 0, "hello", 5);
    chunk(f, 0, "a.img", 0, "hello", 5);
}

static void number_twice(struct fixture *f)
{
    chunk_numbered(f, 7, 0, "a.img", 0, "hello", 5, 0);
    chunk_numbered(f, 7, 1, "b.img", 0, "hello", 5, 0);
}

static void number_beyond(struct fixture *f)
{
    chunk_numbered(f, UINT32_MAX, 0, "a.img", 0, "hello", 5, 0);
}

static void file_beyond(struct fixture *f)
{
    end_file(f, 262144, "a.img", 0);
}

static void past_the_end(struct fixture *f)
{
    end_file(f, 0, "a.img", 4);
    chunk(f, 0, "a.img", 0, "hello", 5);
}

static void behind_the_end(struct fixture *f)
{
    end_file(f, 0, "a.img", FY_BLOCK_BYTES);
    chunk(f, 0, "a.img", FY_BLOCK_BYTES, "hello", 5);
}

static void short_in_the_middle(struct fixture *f)
{
    end_file(f, 0, "a.img", FY_BLOCK_BYTES + 5);
    chunk(f, 0, "a.img", 0, "hello", 5);
}

/* As above, but the end is not known when the block comes. */
static void gap(struct fixture *f)
{
    chunk(f, 0, "a.img", 0, "hello", 5);
    chunk(f, 0, "a.img", FY_BLOCK_BYTES, "hello", 5);
    end_file(f, 0, "a.img", FY_BLOCK_BYTES + 5);
    end_set(f, 1, FY_BLOCK_BYTES + 5);
}

static void ends_early(struct fixture *f)
{
    chunk(f, 0, "a.img", 0, "hello", 5);
    end_file(f, 0, "a.img", 4);
}

static void block_missing(struct fixture *f)
{
    chunk(f, 0, "a.img", 0, "hello", 5);
    end_file(f, 0, "a.img", 10);
    end_set(f, 1, 10);
}

static void more_files(struct fixture *f)
{
    end_file(f, 0, "a.img", 0);
    end_file(f, 1, "b.img", 0);
    end_set(f, 1, 0);
}

static void more_chunks(struct fixture *f)
{
    chunk(f, 0, "a.img", 0, "hello", 5);
    end_file(f, 0, "a.img", 5);
    end_set_spoilt(f, 1, 0, 5, 0);
}

static void wrong_sum(struct fixture *f)
{
    end_file(f, 0, "a.img", 0);
    end_set(f, 1, 1);
}

static void set_ends_twice(struct fixture *f)
{
    end_set(f, 1, 1);
    end_set(f, 1, 1);
}

static void more_after_the_end(struct fixture *f)
{
    chunk(f, 0, "a.img", 0, "hello", 5);
    end_file(f, 0, "a.img", 5);
    end_set(f, 1, 5);
    end_file(f, 1, "b.img", 0);
}

static void other_frame(struct fixture *f)
{
    Ferry__Peer__Commit commit = FERRY__PEER__COMMIT__INIT;
    Ferry__Peer__Frame frame = FY_PEER_FRAME(commit, FERRY__PEER__FRAME__KIND_COMMIT, &commit);
    fy_receive_set_frame(f->receive, &frame);
}

static void other_data(struct fixture *f)
{
    Ferry__Peer__FileEnd end = FERRY__PEER__FILE_END__INIT;
    end.name = (char *)"a.img";
    Ferry__Peer__Frame frame = FY_PEER_FRAME(file_end, FERRY__PEER__FRAME__KIND_FILE_END, &end);
    fy_receive_set_data(f->receive, 1, &frame, &(struct fy_frame){0});
}

static void damaged_chunk(struct fixture *f)
{
    chunk_numbered(f, 0, 0, "a.img", 0, "hello", 5, 1);
    end_file(f, 0, "a.img", 5);
    end_set(f, 1, 5);
}

static void damaged_set(struct fixture *f)
{
    chunk(f, 0, "a.img", 0, "hello", 5);
    end_file(f, 0, "a.img", 5);
    end_set_spoilt(f, 1, 1, 5, 1);
}

static void too_large(struct fixture *f)
{
    end_file(f, 0, "a.img", LIMIT);
    chunk(f, 1, "b.img", 0, "hello", 5);
}

static void too_large_alone(struct fixture *f)
{
    end_file(f, 0, "a.img", UINT64_MAX);
}

static void too_far(struct fixture *f)
{
    chunk(f, 0, "a.img", UINT64_MAX - FY_BLOCK_BYTES + 1, "hello", 5);
}

static void too_far_for_the_space(struct fixture *f)
{
    chunk(f, 0, "a.img", LIMIT, "hello", 5);
}

Test(receive_set, names_each_breach)
{
    static const struct {
        breach commit;
        enum fy_code code;
    } cases[] = {
        {file_twice, FY_E_PROTOCOL},
        {end_twice, FY_E_PROTOCOL},
        {other_name, FY_E_PROTOCOL},
        {between_blocks, FY_E_PROTOCOL},
        {block_twice, FY_E_PROTOCOL},
        {number_twice, FY_E_PROTOCOL},
        {number_beyond, FY_E_PROTOCOL},
        {file_beyond, FY_E_LIMIT},
        {past_the_end, FY_E_PROTOCOL},
        {behind_the_end, FY_E_PROTOCOL},
        {short_in_the_middle, FY_E_PROTOCOL},
        {gap, FY_E_PROTOCOL},
        {ends_early, FY_E_PROTOCOL},
        {more_files, FY_E_PROTOCOL},
        {more_chunks, FY_E_PROTOCOL},
        {wrong_sum, FY_E_PROTOCOL},
        {set_ends_twice, FY_E_PROTOCOL},
        {more_after_the_end, FY_E_PROTOCOL},
        {block_missing, FY_E_PROTOCOL},
        {other_frame, FY_E_PROTOCOL},
        {other_data, FY_E_PROTOCOL},
        {damaged_chunk, FY_E_VERIFY},
        {damaged_set, FY_E_VERIFY},
        {too_large, FY_E_NOSPACE},
        {too_large_alone, FY_E_NOSPACE},
        {too_far, FY_E_PROTOCOL},
        {too_far_for_the_space, FY_E_NOSPACE},
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
    chunk(&fixture, 0, "a.img", 0, "hello", 5);
    fy_error_set(&why, FY_E_CANCELLED, "enough");
    fy_receive_set_stop(fixture.receive, &why);
    close_fixture(&fixture);
    cr_expect_eq(fixture.error.code, FY_E_CANCELLED);
}
