/* Compression: round trips, what is not worth it, and bodies that a hostile peer makes up. */
#include "block.h"
#include "codec.h"
#include "effort.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

static uint8_t *text(size_t size)
{
    uint8_t *data = malloc(size);
    cr_assert(data);
    for (size_t i = 0; i < size; i++)
        data[i] = (uint8_t) "the quick brown fox jumps over the lazy dog "[(i / 300 * 7 + i) % 44];
    return data;
}

static uint8_t *noise(size_t size)
{
    uint8_t *data = malloc(size);
    uint64_t state = 88172645463325252u;
    cr_assert(data);
    for (size_t i = 0; i < size; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        data[i] = (uint8_t)(state >> 32);
    }
    return data;
}

static void round_trip(enum fy_effort effort, size_t size)
{
    struct fy_codec *codec = NULL;
    struct fy_error err = FY_ERROR_INIT;
    uint8_t *data = text(size);
    uint8_t *back = malloc(size);
    uint8_t *body = NULL;
    size_t body_bytes = 0;
    enum fy_encoding encoding = fy_codec_pack(&codec, effort, data, size, &body, &body_bytes);
    cr_assert_neq(encoding, FY_ENCODING_PLAIN, "effort %d, %zu bytes", (int)effort, size);
    cr_expect_lt(body_bytes, size);
    cr_expect_eq(fy_codec_unpack(encoding, body, body_bytes, back, size, &err), 0, "%s", err.message);
    cr_expect_eq(memcmp(data, back, size), 0);
    /* Neither more nor less than is announced. */
    cr_expect_eq(fy_codec_unpack(encoding, body, body_bytes, back, size - 1, &err), -1);
    cr_expect_eq(err.code, FY_E_PROTOCOL);
    uint8_t *room = malloc(size + 1);
    cr_expect_eq(fy_codec_unpack(encoding, body, body_bytes, room, size + 1, &err), -1);
    cr_expect_eq(fy_codec_unpack(encoding, body, body_bytes - 1, room, size, &err), -1);
    free(room);
    free(body);
    free(back);
    free(data);
    fy_codec_free(codec);
}

Test(codec, round_trips_at_each_effort)
{
    static const size_t sizes[] = {1000, 4096, 100000, FY_BLOCK_BYTES};
    for (enum fy_effort effort = FY_EFFORT_LZ4; effort < FY_EFFORT_COUNT; effort++)
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
            round_trip(effort, sizes[i]);
}

Test(codec, what_does_not_become_smaller_goes_out_as_it_is)
{
    static const size_t sizes[] = {1, 15, 4096, FY_BLOCK_BYTES};
    struct fy_codec *codec = NULL;
    uint8_t *data = noise(FY_BLOCK_BYTES);
    for (enum fy_effort effort = FY_EFFORT_NONE; effort < FY_EFFORT_COUNT; effort++)
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            uint8_t *body = NULL;
            size_t body_bytes = 0;
            cr_expect_eq(fy_codec_pack(&codec, effort, data, sizes[i], &body, &body_bytes), FY_ENCODING_PLAIN);
            cr_expect_null(body);
        }
    free(data);
    fy_codec_free(codec);
}

/* A frame of a few bytes that stands for a gigabyte, and one that wants a window of as much. */
Test(codec, bombs_are_refused)
{
    struct fy_error err = FY_ERROR_INIT;
    size_t big = 64u << 20;
    uint8_t *zeros = calloc(1, big);
    uint8_t *bomb = malloc(ZSTD_compressBound(big));
    uint8_t *data = malloc(FY_BLOCK_BYTES + 1);
    ZSTD_CCtx *context = ZSTD_createCCtx();
    (void)ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, 1);
    (void)ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, 27);
    size_t n = ZSTD_compress2(context, bomb, ZSTD_compressBound(big), zeros, big);
    cr_assert_not(ZSTD_isError(n));
    cr_assert_lt(n, 100000);
    data[FY_BLOCK_BYTES] = 0x5a;
    cr_expect_eq(fy_codec_unpack(FY_ENCODING_ZSTD, bomb, n, data, FY_BLOCK_BYTES, &err), -1);
    cr_expect_eq(err.code, FY_E_PROTOCOL);
    /* The same in LZ4: a literal and a match that never ends. */
    uint8_t *endless = malloc(100000);
    memset(endless, 0xff, 100000);
    memcpy(endless, (const uint8_t[]){0x1f, 'x', 0x01, 0x00}, 4);
    cr_expect_eq(fy_codec_unpack(FY_ENCODING_LZ4, endless, 100000, data, FY_BLOCK_BYTES, &err), -1);
    cr_expect_eq(data[FY_BLOCK_BYTES], 0x5a);
    ZSTD_freeCCtx(context);
    free(endless);
    free(data);
    free(bomb);
    free(zeros);
}

/* ---- how hard ---- */

/* What the efforts make of 1000 bytes of text, and the processor time that they take. */
static const uint64_t text_bytes[FY_EFFORT_COUNT] = {1000, 500, 370, 340};
static const uint64_t text_ns[FY_EFFORT_COUNT] = {0, 1500, 2600, 4700};
/* The same of bytes that do not become smaller, of which only samples are tried. */
static const uint64_t random_bytes[FY_EFFORT_COUNT] = {1000, 1000, 1000, 1000};
static const uint64_t random_ns[FY_EFFORT_COUNT] = {0, 50, 50, 50};

static const struct fy_processors_share at_rest = {.idle = 0.9, .own = 0.1};

/* The choice after many blocks, over a link of so many bytes a second by the clock. */
static enum fy_effort settled(double link_bytes_per_s, unsigned processors, const struct fy_processors_share *share,
                              const uint64_t *bytes, const uint64_t *ns)
{
    struct fy_effort_model model;
    fy_effort_init(&model, 4, processors);
    for (int i = 0; i < 100; i++) {
        enum fy_effort effort = fy_effort_choose(&model);
        fy_effort_sent(&model, 1000000, (uint64_t)(1e15 / link_bytes_per_s));
        fy_effort_packed(&model, effort, 1000000, bytes[effort] * 1000, ns[effort] * 1000);
        fy_effort_used(&model, share);
    }
    model.skipped = 0; /* it is not the turn for looking again */
    return fy_effort_choose(&model);
}

Test(effort, follows_the_link)
{
    cr_expect_eq(settled(12.5e6, 4, &at_rest, text_bytes, text_ns), FY_EFFORT_ZSTD_3);
    cr_expect_eq(settled(125e6, 4, &at_rest, text_bytes, text_ns), FY_EFFORT_ZSTD_3);
    cr_expect_eq(settled(300e6, 4, &at_rest, text_bytes, text_ns), FY_EFFORT_ZSTD_1);
    cr_expect_eq(settled(1e9, 4, &at_rest, text_bytes, text_ns), FY_EFFORT_LZ4);
    cr_expect_eq(settled(20e9, 4, &at_rest, text_bytes, text_ns), FY_EFFORT_NONE);
}

/* Two processors compress and encrypt: what looks like a link of 200 MB/s is one that waits for them. */
Test(effort, spares_the_processors_where_they_are_what_is_short)
{
    const struct fy_processors_share some_idle = {.idle = 0.12, .own = 0.5}, ours = {.own = 0.5};
    cr_expect_eq(settled(200e6, 2, &at_rest, text_bytes, text_ns), FY_EFFORT_ZSTD_1);
    cr_expect_eq(settled(200e6, 2, &some_idle, text_bytes, text_ns), FY_EFFORT_LZ4);
    cr_expect_eq(settled(200e6, 2, &ours, text_bytes, text_ns), FY_EFFORT_NONE);
}

/* Others keep all of them busy, and a slow link is a slow link. */
Test(effort, is_not_misled_by_a_busy_host)
{
    const struct fy_processors_share theirs = {.own = 0.05};
    cr_expect_eq(settled(12.5e6, 2, &theirs, text_bytes, text_ns), FY_EFFORT_ZSTD_3);
}

/* Samples cost next to nothing, so that it goes on looking when nothing was saved for long. */
Test(effort, keeps_looking_where_nothing_was_saved)
{
    cr_expect_neq(settled(100e6, 4, &at_rest, random_bytes, random_ns), FY_EFFORT_NONE);
}

/* A few bytes that took long are no measure. */
Test(effort, is_not_misled_by_a_small_block)
{
    struct fy_effort_model model;
    fy_effort_init(&model, 2, 2);
    enum fy_effort before = fy_effort_choose(&model);
    fy_effort_packed(&model, before, 22, 22, 1000000);
    cr_expect_eq(fy_effort_choose(&model), before);
}

/* Now and then it does compress, to know whether it still should not. */
Test(effort, looks_again_while_nothing_is_compressed)
{
    struct fy_effort_model model;
    unsigned tried = 0;
    fy_effort_init(&model, 2, 2);
    for (int i = 0; i < 60; i++)
        fy_effort_starved(&model, 16000000, 1000000);
    for (int i = 0; i < 64; i++)
        tried += fy_effort_choose(&model) != FY_EFFORT_NONE;
    cr_expect_eq(tried, 4);
}

/* What compresses as fast as the link goes starves it, too: that does not make it faster. */
Test(effort, starving_a_slow_link_makes_it_no_faster)
{
    struct fy_effort_model model;
    fy_effort_init(&model, 2, 2);
    for (int i = 0; i < 40; i++)
        fy_effort_sent(&model, 4000000, 32000000);
    enum fy_effort before = fy_effort_choose(&model);
    cr_expect_neq(before, FY_EFFORT_NONE);
    for (int i = 0; i < 40; i++)
        fy_effort_starved(&model, 16000000, 136000000);
    cr_expect_eq(fy_effort_choose(&model), before);
}

/* Nor does it make one slower that is known to be fast. */
Test(effort, starving_a_fast_link_makes_it_no_slower)
{
    struct fy_effort_model model;
    fy_effort_init(&model, 2, 2);
    for (int i = 0; i < 40; i++)
        fy_effort_sent(&model, 4000000, 200000);
    cr_expect_eq(fy_effort_choose(&model), FY_EFFORT_NONE);
    for (int i = 0; i < 40; i++)
        fy_effort_starved(&model, 16000000, 1600000000);
    cr_expect_eq(fy_effort_choose(&model), FY_EFFORT_NONE);
}

Test(effort, tries_again_without_compression_when_the_link_starves)
{
    struct fy_effort_model model;
    fy_effort_init(&model, 2, 2);
    cr_expect_neq(fy_effort_choose(&model), FY_EFFORT_NONE);
    for (int i = 0; i < 40; i++)
        fy_effort_starved(&model, 16000000, 1000000);
    cr_expect_eq(fy_effort_choose(&model), FY_EFFORT_NONE);
    fy_effort_sent(&model, 4000000, 4000000000);
    cr_expect_neq(fy_effort_choose(&model), FY_EFFORT_NONE);
}
