/* Content that is larger than what is kept. */
#include "encoding.h"
#include <criterion/criterion.h>
#include <ferry/base/cleanup.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct tally {
    uint64_t bytes, sum;
    uint8_t head[64];
};

static int write_tally(void *data, const void *bytes, size_t size, struct fy_error *err)
{
    struct tally *tally = data;

    (void)err;
    for (size_t i = 0; i < size; i++) {
        if (tally->bytes + i < sizeof(tally->head))
            tally->head[tally->bytes + i] = ((const uint8_t *)bytes)[i];
        tally->sum += ((const uint8_t *)bytes)[i];
    }
    tally->bytes += size;
    return 0;
}

/* 48 bytes each */
#define FILL "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFh"
#define FILLS ((uint64_t)1000000)

static int encode_large(const char *head, const char *tail, struct tally *tally, struct fy_error *err)
{
    struct source source = {.text = head, .size = strlen(head), .fill = FILL, .fills = FILLS, .tail = tail};

    *tally = (struct tally){0};
    return fy_image_encode_json(source_read, &source, "x", NULL, write_tally, tally, err);
}

Test(encode_large, large_content_goes_through)
{
    static const uint8_t head[] = {0x19, 0x43, 0x56, 0x54, 0x05, 0x36, 0x58, 0x52, 6,  0,
                                   0,    0,    8,    0,    0x10, 0,    0x18, 1,    'a'};
    static struct tally tally;
    struct fy_error err = FY_ERROR_INIT;

    cr_assert_eq(encode_large("{\"magic\":\"GHOST_FILE\",\"entries\":[{\"mode\":1,\"gid\":0,\"uid\":0,\"extra\":\"",
                              "\"}]}", &tally, &err),
                 0, "%s", err.message);
    cr_expect_eq(tally.bytes, 8 + 4 + 6 + 48 * FILLS);
    cr_expect_eq(memcmp(tally.head, head, sizeof(head)), 0);
}

static void queues_head(char text[512], uint64_t in, uint64_t out, const char *queues)
{
    (void)snprintf(text, 512,
                   "{\"magic\":\"TCP_STREAM\",\"entries\":[{\"inq_len\":%" PRIu64 ",\"inq_seq\":0,\"outq_len\":%" PRIu64
                   ",\"outq_seq\":0,\"opt_mask\":0,\"snd_wscale\":0,\"mss_clamp\":0,\"extra\":{%s\"",
                   in, out, queues);
}

/* Both queues of a connection may be large, whichever way they were cut. */
Test(encode_large, large_queues_go_through)
{
    static struct tally tally;
    struct fy_error err = FY_ERROR_INIT;
    char text[512];

    queues_head(text, 1, 48 * FILLS, "\"inq\":\"YQ==\",\"outq\":");
    cr_expect_eq(encode_large(text, "\"}}]}", &tally, &err), 0, "%s", err.message);
    queues_head(text, 48 * FILLS, 1, "\"outq\":\"YQ==\",\"inq\":");
    cr_expect_eq(encode_large(text, "\"}}]}", &tally, &err), 0, "%s", err.message);
    queues_head(text, 48 * FILLS, 1, "\"inq\":");
    cr_expect_eq(encode_large(text, "\",\"outq\":\"YQ==\"}}]}", &tally, &err), 0, "%s", err.message);
    queues_head(text, 1, 48 * FILLS, "\"outq\":");
    cr_expect_eq(encode_large(text, "\",\"inq\":\"YQ==\"}}]}", &tally, &err), -1);
    cr_expect_not_null(strstr(err.message, "content of more than 16777216 bytes in \"outq\" must come after \"inq\""),
                       "%s", err.message);
}

Test(encode_large, large_content_before_the_fields_is_refused)
{
    static struct tally tally;
    struct fy_error err = FY_ERROR_INIT;

    cr_expect_eq(encode_large("{\"magic\":\"GHOST_FILE\",\"entries\":[{\"uid\":0,\"extra\":\"",
                              "\",\"gid\":0,\"mode\":1}]}", &tally, &err),
                 -1);
    cr_expect_str_eq(
        err.message,
        "x:1:51: entry 0: \"extra\" of more than 16777216 bytes must come after all other keys of its entry");
    fy_error_clear(&err);
    cr_expect_eq(encode_large("{\"magic\":\"GHOST_FILE\",\"entries\":[{\"uid\":0,\"gid\":0,\"mode\":1,\"extra\":\"",
                              "\",\n\"size\":1}]}", &tally, &err),
                 -1);
    cr_expect_str_eq(err.message,
                     "x:2:1: entry 0: \"size\" comes after an \"extra\" of more than 16777216 bytes; put it before");
    fy_error_clear(&err);
    cr_expect_eq(encode_large("{\"magic\":\"GHOST_FILE\",\"entries\":[{\"uid\":0,\"gid\":0,\"mode\":1,\"extra\":\"",
                              "\",\n\"@extra\":\"\"}]}", &tally, &err),
                 -1);
    cr_expect_str_eq(err.message,
                     "x:2:1: entry 0: \"@extra\" comes after an \"extra\" of more than 16777216 bytes; put it before");
}

/* Entries that come before their magic are kept, in memory. */
Test(encode_large, entries_before_the_magic)
{
    static const char head[] = "{\"entries\":[{\"mode\":1,\"gid\":0,\"uid\":0,\"extra\":\"";
    static const char tail[] = "\"}],\"magic\":\"GHOST_FILE\"}";
    static struct tally tally;
    struct fy_error err = FY_ERROR_INIT;
    struct source source = {.text = head, .size = strlen(head), .fill = FILL, .fills = 10000, .tail = tail};

    cr_expect_eq(fy_image_encode_json(source_read, &source, "x", NULL, write_tally, &tally, &err), 0, "%s",
                 err.message);
    cr_expect_eq(tally.bytes, 8 + 4 + 6 + 48 * 10000);
    cr_expect_eq(encode_large(head, tail, &tally, &err), -1);
    cr_expect_eq(err.code, FY_E_LIMIT);
    cr_expect_not_null(strstr(err.message, "\"entries\" before \"magic\""), "%s", err.message);
    cr_expect_eq(tally.bytes, 0);
}
