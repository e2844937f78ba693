/* libFuzzer target: the receiving of an image set, from frames that a peer may send in any order.
 *
 * The input is frames as they are on a link. So that a fuzzer can get past the hashes, a chunk that goes out as it is
 * and whose hash is 0 gets the right one, and so does the end of the set when its chunks came by number. */
#include "block.h"
#include "hash.h"
#include "receive_set.h"
#include "require.h"

#include <dirent.h>
#include <ferry/base/fs.h>
#include <ferry/transport/frame.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define LIMIT_BYTES (4u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct run {
    struct fy_receive_set *receive;
    uint32_t next_number;
    uint64_t digest;
    unsigned given;
    unsigned kept;
    unsigned done;
    bool failed;
    Ferry__Peer__SetEnd end;
};

static void received(uint32_t chunks, uint64_t bytes, void *data)
{
    const struct run *run = data;
    require(chunks <= run->given && bytes <= LIMIT_BYTES);
}

static void kept(uint64_t number, void *data)
{
    struct run *run = data;
    require(number < run->given);
    run->kept++;
}

static void done(const struct fy_error *err, void *data)
{
    struct run *run = data;
    run->done++;
    run->failed = err != NULL;
    require(!err || (err->code != FY_OK && err->message[0]));
}

static void help_chunk(struct run *run, Ferry__Peer__Chunk *chunk, const uint8_t *body, size_t body_bytes)
{
    if (chunk->xxh3 == 0 && chunk->raw_bytes == body_bytes)
        chunk->xxh3 = XXH3_64bits(body, body_bytes);
    if (chunk->number != run->next_number)
        return;
    struct fy_block block = {.offset = chunk->offset, .raw_bytes = chunk->raw_bytes, .xxh3 = chunk->xxh3};
    run->digest = fy_block_chain(run->digest, fy_block_record(&block, chunk->file));
    run->next_number++;
}

static void give(struct run *run, Ferry__Peer__Frame *frame, const struct fy_frame *raw)
{
    if (frame->kind_case == FERRY__PEER__FRAME__KIND_CHUNK)
        help_chunk(run, frame->chunk, raw->body, raw->body_bytes);
    if (frame->kind_case == FERRY__PEER__FRAME__KIND_SET_END) {
        frame->set_end->xxh3 = frame->set_end->xxh3 ? frame->set_end->xxh3 : run->digest;
        run->end = *frame->set_end;
    }
    if (raw->body_bytes > 0 || frame->kind_case == FERRY__PEER__FRAME__KIND_CHUNK)
        fy_receive_set_data(run->receive, run->given++, frame, raw);
    else
        fy_receive_set_frame(run->receive, frame);
}

/* One after another, so that a later frame can refer to an earlier one. */
static void give_all(struct run *run, uv_loop_t *loop, const uint8_t *data, size_t size)
{
    struct fy_frame raw;
    ptrdiff_t used;
    while (!run->done && (used = fy_frame_parse(data, size, &raw, NULL)) > 0) {
        ProtobufCMessage *message = fy_frame_unpack_head(&raw, &ferry__peer__frame__descriptor, NULL);
        if (!message)
            return;
        give(run, (Ferry__Peer__Frame *)message, &raw);
        protobuf_c_message_free_unpacked(message, NULL);
        (void)uv_run(loop, UV_RUN_DEFAULT); /* until all of it is written */
        data += used;
        size -= (size_t)used;
    }
}

/* What has passed is what the end of the set said. */
static void check_files(const char *directory, const struct run *run)
{
    DIR *dir = opendir(directory);
    struct dirent *entry;
    uint64_t bytes = 0;
    uint32_t files = 0;
    require(dir != NULL);
    while ((entry = readdir(dir))) {
        struct stat st;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        require(fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode));
        bytes += (uint64_t)st.st_size;
        files++;
    }
    (void)closedir(dir);
    require(bytes <= LIMIT_BYTES && files == run->end.files && bytes == run->end.bytes && run->kept == run->end.chunks);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct fy_receive_set_events events = {.received = received, .kept = kept, .done = done};
    const char *base = getenv("FERRY_FUZZ_DIR");
    char directory[256];
    uv_loop_t loop;
    struct run run = {0};
    struct fy_error over = FY_ERROR_INIT;
    (void)snprintf(directory, sizeof directory, "%s/receive-XXXXXX", base ? base : "/dev/shm");
    require(mkdtemp(directory) != NULL && uv_loop_init(&loop) == 0);
    require(fy_receive_set_start(&loop, directory, LIMIT_BYTES, &events, &run, &run.receive, NULL) == 0);
    give_all(&run, &loop, data, size);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    if (!run.done) {
        fy_error_set(&over, FY_E_CANCELLED, "no more frames");
        fy_receive_set_stop(run.receive, &over);
        (void)uv_run(&loop, UV_RUN_DEFAULT);
    }
    require(run.done == 1 && uv_loop_close(&loop) == 0);
    if (!run.failed)
        check_files(directory, &run);
    require(fy_fs_remove_tree(directory, NULL) == 0);
    return 0;
}
