/* Random image sets, taken apart as a source does it, delivered in random order: what arrives is the same, bit by bit,
 * and a set in which one thing was changed on the way never passes. */
#include "page_table.h"
#include "receive_set.h"

#include <criterion/criterion.h>
#include <ferry/base/fs.h>
#include <stdlib.h>
#include <string.h>

#define FILES 5u
#define MOST_FRAMES 64u
#define LIMIT (64u * 1024u * 1024u)

struct sent {
    Ferry__Peer__Frame frame;
    Ferry__Peer__Chunk chunk;
    Ferry__Peer__FileEnd file_end;
    Ferry__Peer__SetEnd set_end;
    uint8_t present[FY_BITMAP_BYTES];
    uint8_t again[FY_BITMAP_BYTES];
    uint8_t refs[FY_BLOCK_PIECES * FY_REF_BYTES];
    uint8_t *body;
    size_t body_bytes;
};

struct world {
    uint64_t random;
    uv_loop_t loop;
    char directory[64];
    struct fy_receive_set *receive;
    struct fy_error error;
    bool done;
    uint8_t *files[FILES];
    size_t sizes[FILES];
    char names[FILES][24];
    struct fy_page_table *table;
    struct fy_codec *codec;
    struct sent *frames[MOST_FRAMES]; /* not delivered yet */
    size_t frame_count;
    uint32_t chunks;
    uint64_t digest;
};

static uint64_t draw(struct world *world, uint64_t below)
{
    world->random ^= world->random << 13;
    world->random ^= world->random >> 7;
    world->random ^= world->random << 17;
    return (world->random >> 11) % below;
}

/* ---- the receiver's side ---- */

static void received(uint32_t chunks, uint64_t bytes, void *data)
{
    (void)bytes;
    struct world *world = data;
    fy_page_table_kept(world->table, chunks);
}

static void kept(uint64_t number, void *data)
{
    (void)number;
    (void)data;
}

static void done(const struct fy_error *err, void *data)
{
    struct world *world = data;
    world->done = true;
    if (err)
        world->error = *err;
}

static const struct fy_receive_set_events events = {.received = received, .kept = kept, .done = done};

/* ---- a set ---- */

static void fill_page(struct world *world, uint32_t file, size_t page)
{
    uint8_t *to = world->files[file] + page * FY_PIECE_BYTES;
    size_t left = world->sizes[file] - page * FY_PIECE_BYTES;
    size_t size = left < FY_PIECE_BYTES ? left : FY_PIECE_BYTES;
    uint64_t kind = draw(world, 10);
    if (kind < 3)
        memset(to, 0, size);
    else if (kind < 6) /* one of a few pages, which come again and again */
        memset(to, 1 + (int)draw(world, 7), size);
    else
        for (size_t i = 0; i < size; i++)
            to[i] = kind < 8 ? (uint8_t)draw(world, 256) : (uint8_t)("ferry "[i % 6] + (char)draw(world, 2));
}

static void make_files(struct world *world)
{
    for (uint32_t file = 0; file < FILES; file++) {
        uint64_t shape = draw(world, 4);
        world->sizes[file] = shape == 0 ? draw(world, 3) : shape == 1 ? 1u << 20 : draw(world, 3u << 20);
        world->files[file] = malloc(world->sizes[file] + 1);
        (void)snprintf(world->names[file], sizeof world->names[file], "pages-%u.img", file + 1);
        for (size_t page = 0; page * FY_PIECE_BYTES < world->sizes[file]; page++)
            fill_page(world, file, page);
    }
}

static struct sent *add_frame(struct world *world, Ferry__Peer__Frame__KindCase kind)
{
    struct sent *sent = calloc(1, sizeof *sent);
    cr_assert(sent && world->frame_count < MOST_FRAMES);
    ferry__peer__frame__init(&sent->frame);
    sent->frame.kind_case = kind;
    world->frames[world->frame_count++] = sent;
    return sent;
}

static void pack(struct world *world, struct sent *sent, struct fy_block *block, uint8_t *data)
{
    enum fy_effort effort = (enum fy_effort)draw(world, FY_EFFORT_COUNT);
    block->encoding = fy_codec_pack(&world->codec, effort, data, block->plain_bytes, &sent->body, &sent->body_bytes);
    if (block->encoding != FY_ENCODING_PLAIN) {
        free(data);
        return;
    }
    sent->body = data;
    sent->body_bytes = block->plain_bytes;
}

static void add_chunk(struct world *world, uint32_t file, size_t offset)
{
    struct sent *sent = add_frame(world, FERRY__PEER__FRAME__KIND_CHUNK);
    size_t left = world->sizes[file] - offset;
    struct fy_block block = {.offset = offset, .raw_bytes = left < FY_BLOCK_BYTES ? (uint32_t)left : FY_BLOCK_BYTES};
    uint8_t *data = malloc(FY_BLOCK_BYTES);
    memcpy(data, world->files[file] + offset, block.raw_bytes);
    fy_block_sort(&block, data, file, world->chunks, world->table);
    fy_block_gather(&block, data, data);
    pack(world, sent, &block, data);
    memcpy(sent->present, block.present, FY_BITMAP_BYTES);
    memcpy(sent->again, block.again, FY_BITMAP_BYTES);
    ferry__peer__chunk__init(&sent->chunk);
    sent->frame.chunk = &sent->chunk;
    sent->chunk.number = world->chunks++;
    sent->chunk.file = file;
    sent->chunk.name = world->names[file];
    sent->chunk.offset = offset;
    sent->chunk.raw_bytes = block.raw_bytes;
    sent->chunk.xxh3 = block.xxh3;
    sent->chunk.has_present = sent->chunk.has_again = sent->chunk.has_refs = true;
    sent->chunk.present = (ProtobufCBinaryData){.len = FY_BITMAP_BYTES, .data = sent->present};
    sent->chunk.again = (ProtobufCBinaryData){.len = FY_BITMAP_BYTES, .data = sent->again};
    sent->chunk.refs = (ProtobufCBinaryData){.len = fy_block_put_refs(&block, sent->refs), .data = sent->refs};
    sent->chunk.encoding = block.encoding;
    world->digest = fy_block_chain(world->digest, fy_block_record(&block, file));
}

static void add_ends(struct world *world)
{
    uint64_t bytes = 0;
    for (uint32_t file = 0; file < FILES; file++) {
        struct sent *sent = add_frame(world, FERRY__PEER__FRAME__KIND_FILE_END);
        ferry__peer__file_end__init(&sent->file_end);
        sent->frame.file_end = &sent->file_end;
        sent->file_end.file = file;
        sent->file_end.name = world->names[file];
        sent->file_end.size_bytes = world->sizes[file];
        bytes += world->sizes[file];
    }
    struct sent *sent = add_frame(world, FERRY__PEER__FRAME__KIND_SET_END);
    ferry__peer__set_end__init(&sent->set_end);
    sent->frame.set_end = &sent->set_end;
    sent->set_end.files = FILES;
    sent->set_end.bytes = bytes;
    sent->set_end.chunks = world->chunks;
    sent->set_end.xxh3 = world->digest;
}

/* ---- delivery ---- */

static void deliver(struct world *world, size_t which)
{
    struct sent *sent = world->frames[which];
    world->frames[which] = world->frames[--world->frame_count];
    if (world->done)
        ;
    else if (sent->frame.kind_case == FERRY__PEER__FRAME__KIND_CHUNK)
        fy_receive_set_data(world->receive, 1, &sent->frame,
                            &(struct fy_frame){.body = sent->body, .body_bytes = sent->body_bytes});
    else
        fy_receive_set_frame(world->receive, &sent->frame);
    free(sent->body);
    free(sent);
}

static void deliver_some(struct world *world, size_t leave)
{
    while (world->frame_count > leave)
        deliver(world, draw(world, world->frame_count));
    /* What was delivered is written, and may be referred to from now on. */
    (void)uv_run(&world->loop, UV_RUN_DEFAULT);
}

static void open_world(struct world *world, uint64_t seed)
{
    struct fy_error err = FY_ERROR_INIT;
    *world = (struct world){.random = seed * 0x9e3779b97f4a7c15u + 1, .directory = "/dev/shm/ferry-set-XXXXXX"};
    cr_assert(mkdtemp(world->directory));
    cr_assert_eq(uv_loop_init(&world->loop), 0);
    cr_assert_eq(fy_receive_set_start(&world->loop, world->directory, LIMIT, &events, world, &world->receive, &err), 0);
    world->table = fy_page_table_new();
    make_files(world);
}

/* In two halves, so that the second can refer to the first. */
static void send_world(struct world *world)
{
    for (uint32_t file = 0; file < FILES; file++) {
        for (size_t offset = 0; offset < world->sizes[file]; offset += FY_BLOCK_BYTES)
            add_chunk(world, file, offset);
        if (file == FILES / 2)
            deliver_some(world, draw(world, 3));
    }
    add_ends(world);
}

static bool arrived_the_same(const struct world *world)
{
    for (uint32_t file = 0; file < FILES; file++) {
        char path[128];
        char *content = NULL;
        size_t size = 0;
        (void)snprintf(path, sizeof path, "%s/%s", world->directory, world->names[file]);
        bool same = fy_fs_read_file(path, LIMIT, &content, &size, NULL) == 0 && size == world->sizes[file] &&
                    memcmp(content, world->files[file], size) == 0;
        free(content);
        if (!same)
            return false;
    }
    return true;
}

static void close_world(struct world *world)
{
    if (!world->done) {
        struct fy_error why = FY_ERROR_INIT;
        fy_error_set(&why, FY_E_CANCELLED, "over");
        fy_receive_set_stop(world->receive, &why);
        (void)uv_run(&world->loop, UV_RUN_DEFAULT);
    }
    cr_expect_eq(uv_loop_close(&world->loop), 0);
    cr_expect_eq(fy_fs_remove_tree(world->directory, NULL), 0);
    for (uint32_t file = 0; file < FILES; file++)
        free(world->files[file]);
    fy_page_table_free(world->table);
    fy_codec_free(world->codec);
}

Test(set_property, any_set_arrives_the_same_in_any_order)
{
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct world world;
        open_world(&world, seed);
        send_world(&world);
        deliver_some(&world, 0);
        cr_expect(world.done, "seed %llu", (unsigned long long)seed);
        cr_expect_eq(world.error.code, FY_OK, "seed %llu: %s", (unsigned long long)seed, world.error.message);
        cr_expect(arrived_the_same(&world), "seed %llu", (unsigned long long)seed);
        close_world(&world);
    }
}

/* One thing in one frame, as a fault or a liar would change it. Returns false if this frame has no such thing. */
static bool spoil(struct world *world, struct sent *sent)
{
    if (sent->frame.kind_case == FERRY__PEER__FRAME__KIND_FILE_END)
        return sent->file_end.size_bytes++, true;
    if (sent->frame.kind_case == FERRY__PEER__FRAME__KIND_SET_END)
        return sent->set_end.xxh3 ^= 1u << draw(world, 30), true;
    switch (draw(world, 6)) {
    case 0:
        if (sent->body_bytes == 0)
            return false;
        sent->body[draw(world, sent->body_bytes)] ^= (uint8_t)(1u << draw(world, 8));
        return true;
    case 1:
        if (sent->chunk.refs.len == 0)
            return false;
        sent->refs[draw(world, sent->chunk.refs.len)] ^= (uint8_t)(1u << draw(world, 8));
        return true;
    case 2:
        sent->present[draw(world, FY_BITMAP_BYTES)] ^= (uint8_t)(1u << draw(world, 8));
        return true;
    case 3:
        sent->again[draw(world, FY_BITMAP_BYTES)] ^= (uint8_t)(1u << draw(world, 8));
        return true;
    case 4:
        sent->chunk.offset += FY_BLOCK_BYTES;
        return true;
    default:
        sent->chunk.file = (sent->chunk.file + 1) % FILES;
        return true;
    }
}

/* It fails, or what was changed made no difference: a bit in a compressed body, or a reference to an equal page. */
Test(set_property, no_set_passes_that_was_changed_on_the_way)
{
    unsigned refused = 0;
    for (uint64_t seed = 1; seed <= 80; seed++) {
        struct world world;
        open_world(&world, seed);
        send_world(&world);
        bool spoilt = spoil(&world, world.frames[draw(&world, world.frame_count)]);
        deliver_some(&world, 0);
        refused += fy_error_is_set(&world.error);
        cr_expect(world.done, "seed %llu", (unsigned long long)seed);
        cr_expect(!spoilt || fy_error_is_set(&world.error) || arrived_the_same(&world), "seed %llu",
                  (unsigned long long)seed);
        close_world(&world);
    }
    cr_expect_gt(refused, 40);
}
