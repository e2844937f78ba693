/* Frames: limits, truncation, hostile lengths and nesting, random bytes, and the fuzzer's corpus. */
#include "../fuzz/frame_exercise.h"
#include "party.h"
#include <criterion/criterion.h>
#include <dirent.h>
#include <ferry/base/fs.h>
#include <stdio.h>
#include <string.h>

#define MAX_TOTAL (FY_FRAME_PREFIX_BYTES + FY_FRAME_MAX_HEAD_BYTES + FY_FRAME_MAX_BODY_BYTES)

static void put_u32(uint8_t *at, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

static ptrdiff_t parse_prefix(uint32_t head_bytes, uint32_t body_bytes, struct fy_error *err)
{
    uint8_t prefix[FY_FRAME_PREFIX_BYTES];
    struct fy_frame frame;
    put_u32(prefix, head_bytes);
    put_u32(prefix + 4, body_bytes);
    return fy_frame_parse(prefix, sizeof(prefix), &frame, err);
}

Test(frame, lengths_beyond_the_limits_are_refused_before_the_bytes_are_there)
{
    const uint32_t hostile[][2] = {
        {FY_FRAME_MAX_HEAD_BYTES + 1, 0},
        {0, FY_FRAME_MAX_BODY_BYTES + 1},
        {UINT32_MAX, 0},
        {0, UINT32_MAX},
        {UINT32_MAX, UINT32_MAX},
        {0x80000000u, 0x80000000u},
        {UINT32_MAX - FY_FRAME_PREFIX_BYTES + 1, 0},
    };
    for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
        struct fy_error err = FY_ERROR_INIT;
        cr_expect_eq(parse_prefix(hostile[i][0], hostile[i][1], &err), -1);
        cr_expect_eq(err.code, FY_E_PROTOCOL);
    }
}

Test(frame, lengths_at_the_limits_are_waited_for_and_taken)
{
    struct fy_error err = FY_ERROR_INIT;
    struct fy_frame frame;
    cr_expect_eq(parse_prefix(FY_FRAME_MAX_HEAD_BYTES, FY_FRAME_MAX_BODY_BYTES, &err), 0);
    uint8_t *data = calloc(1, MAX_TOTAL);
    put_u32(data, FY_FRAME_MAX_HEAD_BYTES);
    put_u32(data + 4, FY_FRAME_MAX_BODY_BYTES);
    cr_expect_eq(fy_frame_parse(data, MAX_TOTAL - 1, &frame, &err), 0);
    cr_expect_eq(fy_frame_parse(data, MAX_TOTAL, &frame, &err), (ptrdiff_t)MAX_TOTAL);
    cr_expect_not(fy_error_is_set(&err));
    free(data);
}

Test(frame, a_truncated_frame_is_waited_for_and_leaves_the_output_alone)
{
    struct fy_buf buf;
    fy_buf_init(&buf, 0);
    Test__Head head = TEST__HEAD__INIT;
    head.text = (char *)"hello";
    cr_assert_eq(fy_frame_pack_head(&buf, &head.base, 3, NULL), 0);
    cr_assert_eq(fy_buf_append(&buf, "abc", 3, NULL), 0);
    for (size_t size = 0; size < buf.size; size++) {
        struct fy_frame frame = {.head_bytes = 77};
        cr_expect_eq(fy_frame_parse(buf.data, size, &frame, NULL), 0);
        cr_expect_eq(frame.head_bytes, 77);
    }
    struct fy_frame frame;
    cr_assert_eq(fy_frame_parse(buf.data, buf.size, &frame, NULL), (ptrdiff_t)buf.size);
    cr_expect_eq(frame.body_bytes, 3);
    cr_expect_arr_eq(frame.body, "abc", 3);
    Test__Head *read = (Test__Head *)fy_frame_unpack_head(&frame, &test__head__descriptor, NULL);
    cr_assert(read);
    cr_expect_str_eq(read->text, "hello");
    protobuf_c_message_free_unpacked(&read->base, NULL);
    fy_buf_done(&buf);
}

Test(frame, what_does_not_fit_is_not_packed)
{
    struct fy_buf buf;
    struct fy_error err = FY_ERROR_INIT;
    fy_buf_init(&buf, 0);
    Test__Head head = TEST__HEAD__INIT;
    cr_expect_eq(fy_frame_pack_head(&buf, &head.base, FY_FRAME_MAX_BODY_BYTES + 1, &err), -1);
    cr_expect_eq(err.code, FY_E_LIMIT);
    fy_error_clear(&err);
    head.has_payload = 1;
    head.payload.len = FY_FRAME_MAX_HEAD_BYTES;
    head.payload.data = calloc(1, head.payload.len);
    cr_expect_eq(fy_frame_pack_head(&buf, &head.base, 0, &err), -1);
    cr_expect_eq(err.code, FY_E_LIMIT);
    cr_expect_eq(buf.size, 0);
    free(head.payload.data);
    fy_buf_done(&buf);
}

/* A head nested `depth` levels below the outermost, packed into `frame` (free the head's memory by the return). */
static uint8_t *nested_head(unsigned depth, struct fy_frame *frame)
{
    uint8_t *data = malloc(16 * (size_t)depth + 16);
    uint8_t *scratch = malloc(16 * (size_t)depth + 16);
    size_t size = 0;
    for (unsigned i = 0; i < depth; i++) {
        size_t at = 0;
        scratch[at++] = 3 << 3 | 2; /* field 3, length-delimited */
        for (size_t left = size; at == 1 || left > 0; left >>= 7)
            scratch[at++] = (uint8_t)((left & 0x7f) | (left > 0x7f ? 0x80 : 0));
        memcpy(scratch + at, data, size);
        size += at;
        memcpy(data, scratch, size);
    }
    free(scratch);
    *frame = (struct fy_frame){.head = data, .head_bytes = size};
    return data;
}

static bool unpacks(const struct fy_frame *frame)
{
    ProtobufCMessage *message = fy_frame_unpack_head(frame, &test__head__descriptor, NULL);
    if (message)
        protobuf_c_message_free_unpacked(message, NULL);
    return message != NULL;
}

Test(frame, nesting_is_bounded)
{
    struct fy_frame frame;
    uint8_t *shallow = nested_head(31, &frame);
    cr_expect(unpacks(&frame));
    free(shallow);
    uint8_t *deep = nested_head(32, &frame);
    cr_expect_not(unpacks(&frame));
    free(deep);
    uint8_t *abyss = nested_head(20000, &frame);
    cr_expect_not(unpacks(&frame));
    free(abyss);
}

Test(frame, a_small_head_cannot_unfold_into_much_memory)
{
    /* Two bytes each for an empty message of `many`. */
    uint8_t *data = malloc(FY_FRAME_MAX_HEAD_BYTES);
    for (size_t i = 0; i < FY_FRAME_MAX_HEAD_BYTES; i += 2) {
        data[i] = 4 << 3 | 2;
        data[i + 1] = 0;
    }
    struct fy_error err = FY_ERROR_INIT;
    struct fy_frame frame = {.head = data, .head_bytes = FY_FRAME_MAX_HEAD_BYTES};
    cr_expect_null(fy_frame_unpack_head(&frame, &test__head__descriptor, &err));
    cr_expect_eq(err.code, FY_E_PROTOCOL);
    frame.head_bytes = 2000;
    cr_expect(unpacks(&frame));
    free(data);
}

Test(frame, broken_heads_are_refused)
{
    static const struct {
        const char *bytes;
        size_t size;
    } broken[] = {
        {"\x1a\x05\x08\x01", 4},                              /* an inner message longer than what is there */
        {"\x1a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11}, /* a length of 2^64-1 */
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 11}, /* a tag without end */
        {"\x0b", 1},                                          /* a group */
        {"\x09\x01\x02", 3},                                  /* a cut fixed64 */
        {"\x08", 1},                                          /* a cut varint */
        {"\x18\x01", 2},                                      /* an inner message that is a number */
    };
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        struct fy_frame frame = {.head = (const uint8_t *)broken[i].bytes, .head_bytes = broken[i].size};
        cr_expect_not(unpacks(&frame), "case %zu", i);
    }
}

/* A valid frame with some random content, to be damaged. */
static void random_frame(uint64_t *seed, struct fy_buf *buf)
{
    uint8_t noise[64];
    fill_random(seed, noise, sizeof(noise));
    Test__Head inner = TEST__HEAD__INIT;
    Test__Head head = TEST__HEAD__INIT;
    Test__Head *many[3] = {&inner, &inner, &inner};
    inner.has_number = 1;
    inner.number = noise[0];
    head.inner = noise[1] & 1 ? &inner : NULL;
    head.many = many;
    head.n_many = noise[2] % 4;
    head.has_payload = 1;
    head.payload.data = noise;
    head.payload.len = noise[3] % sizeof(noise);
    size_t body = noise[4] % 64;
    cr_assert_eq(fy_frame_pack_head(buf, &head.base, body, NULL), 0);
    cr_assert_eq(fy_buf_append(buf, noise, body, NULL), 0);
}

Test(frame, damaged_frames_never_do_harm)
{
    uint64_t seed = 0x9e3779b97f4a7c15u;
    unsigned whole = 0;
    for (int round = 0; round < 20000; round++) {
        struct fy_buf buf;
        uint8_t dice[16];
        fy_buf_init(&buf, 0);
        random_frame(&seed, &buf);
        random_frame(&seed, &buf);
        fill_random(&seed, dice, sizeof(dice));
        for (unsigned i = 0; i < dice[0] % 4u; i++)
            buf.data[(dice[1 + i] * 256u + dice[5 + i]) % buf.size] = dice[9 + i];
        whole += frame_exercise(buf.data, dice[13] & 1 ? buf.size : dice[14] % buf.size);
        fy_buf_done(&buf);
    }
    cr_expect_gt(whole, 1000, "the loop must also meet good frames");
}

Test(frame, the_fuzzers_corpus_does_no_harm)
{
    DIR *directory = opendir(FRAME_CORPUS);
    cr_assert(directory);
    unsigned files = 0;
    struct dirent *entry;
    while ((entry = readdir(directory))) {
        char *data = NULL;
        size_t size = 0;
        if (entry->d_name[0] == '.')
            continue;
        cr_assert_eq(fy_fs_read_file_at(dirfd(directory), entry->d_name, 4u << 20, &data, &size, NULL), 0);
        (void)frame_exercise((const uint8_t *)data, size);
        free(data);
        files++;
    }
    (void)closedir(directory);
    cr_expect_gt(files, 5);
}
