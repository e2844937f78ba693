/* Whatever an image holds, its JSON gives it back byte for byte: random images of every type, plain and pretty. */
#include "random_image.h"
#include <criterion/criterion.h>
#include <criu-descriptors.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <ferry/imgcore/decode.h>
#include <ferry/imgcore/encode.h>
#include <string.h>
#include <sys/mman.h>

#define ROUNDS 150 /* of each type, in each of the four ways */

static int append(void *data, const void *bytes, size_t size, struct fy_error *err)
{
    return fy_buf_append(data, bytes, size, err);
}

struct text {
    const struct fy_buf *buf;
    size_t at;
};

static int read_text(void *data, void *bytes, size_t capacity, size_t *size, struct fy_error *err)
{
    struct text *text = data;
    size_t count = text->buf->size - text->at;

    (void)err;
    *size = count < capacity ? count : capacity;
    memcpy(bytes, text->buf->data + text->at, *size);
    text->at += *size;
    return 0;
}

static void decode(const struct fy_buf *image, bool pretty, struct fy_buf *json)
{
    const struct fy_decode_options options = {.pretty = pretty};
    FY_AUTO_CLOSE int fd = memfd_create("image", MFD_CLOEXEC);
    struct fy_error err = FY_ERROR_INIT;

    cr_assert_geq(fd, 0);
    cr_assert_eq(fy_fs_write_all(fd, image->data, image->size, NULL), 0);
    json->size = 0;
    cr_assert_eq(fy_image_decode_json(fd, "image", &options, append, json, &err), 0, "%s", err.message);
}

static void must_come_back(const struct fy_image_type *type, const struct fy_buf *image, bool pretty, uint64_t seed)
{
    struct fy_buf json, again;
    struct text text = {.buf = &json};
    struct fy_error err = FY_ERROR_INIT;

    fy_buf_init(&json, 0);
    fy_buf_init(&again, 0);
    decode(image, pretty, &json);
    cr_assert_eq(fy_image_encode_json(read_text, &text, "json", NULL, append, &again, &err), 0,
                 "%s, seed %lu: %s, from\n%.*s", type->name, (unsigned long)seed, err.message, (int)json.size,
                 (const char *)json.data);
    cr_assert(again.size == image->size && memcmp(again.data, image->data, image->size) == 0,
              "%s, seed %lu: %zu bytes became %zu, by\n%.*s", type->name, (unsigned long)seed, image->size, again.size,
              (int)json.size, (const char *)json.data);
    fy_buf_done(&json);
    fy_buf_done(&again);
}

static void go_through(const struct random_options *options)
{
    struct fy_buf image;

    fy_buf_init(&image, 0);
    for (unsigned kind = 0; kind < FY_IMAGE_KIND_COUNT; kind++) {
        const struct fy_image_type *type = fy_catalogue_get((enum fy_image_kind)kind);
        for (uint64_t round = 0; type->magic != 0 && round < ROUNDS; round++) {
            uint64_t seed = ((uint64_t)kind << 32 | round) * 0x9e3779b97f4a7c15 + 1;
            struct chance chance = {seed};
            image.size = 0;
            random_image(&chance, type, options, &image);
            must_come_back(type, &image, round % 2, seed);
        }
    }
    fy_buf_done(&image);
}

Test(codec_random, as_criu_writes)
{
    go_through(&(struct random_options){.is_odd = false});
}

Test(codec_random, as_criu_wrote_with_one_magic)
{
    go_through(&(struct random_options){.is_v1_0 = true});
}

Test(codec_random, as_criu_never_writes)
{
    go_through(&(struct random_options){.is_odd = true});
}

Test(codec_random, as_criu_never_writes_with_one_magic)
{
    go_through(&(struct random_options){.is_odd = true, .is_v1_0 = true});
}

/* The tables of the encoder have room for every message. */
#define FIELDS_MAX 128
#define MESSAGE_POINTER(symbol) &symbol,

Test(codec_random, no_message_has_too_many_fields)
{
    static const ProtobufCMessageDescriptor *const messages[] = {CRIU_MESSAGES(MESSAGE_POINTER)};

    for (size_t i = 0; i < FY_ARRAY_SIZE(messages); i++)
        cr_expect_leq(messages[i]->n_fields, FIELDS_MAX, "%s", messages[i]->name);
}
