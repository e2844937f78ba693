/* An image in a memfd is a regular file. */
#include "decoding.h"
#include <criterion/criterion.h>
#include <ferry/base/buf.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <string.h>
#include <sys/mman.h>

void image_bytes(struct image *image, const void *bytes, size_t size)
{
    cr_assert_leq(size, sizeof(image->data) - image->size);
    if (size > 0)
        memcpy(image->data + image->size, bytes, size);
    image->size += size;
}

void image_word(struct image *image, uint32_t word)
{
    const uint8_t bytes[4] = {(uint8_t)word, (uint8_t)(word >> 8), (uint8_t)(word >> 16), (uint8_t)(word >> 24)};
    image_bytes(image, bytes, sizeof(bytes));
}

void image_magic(struct image *image, uint32_t magic)
{
    image->size = 0;
    image_word(image, 0x54564319);
    image_word(image, magic);
}

void image_entry(struct image *image, const void *wire, size_t size)
{
    image_word(image, (uint32_t)size);
    image_bytes(image, wire, size);
}

int image_file(const struct image *image)
{
    int fd = memfd_create("image", MFD_CLOEXEC);
    cr_assert_geq(fd, 0);
    cr_assert_eq(fy_fs_write_all(fd, image->data, image->size, NULL), 0);
    return fd;
}

static int append(void *data, const void *bytes, size_t size, struct fy_error *err)
{
    return fy_buf_append(data, bytes, size, err);
}

char *decode_text(const struct image *image, const struct fy_decode_options *options, struct fy_error *err)
{
    FY_AUTO_CLOSE int fd = image_file(image);
    struct fy_buf text;

    fy_buf_init(&text, 0);
    if (fy_image_decode_json(fd, "test.img", options, append, &text, err) == 0)
        return fy_buf_take_string(&text);
    cr_expect_eq(text.size, 0, "%zu bytes were written in spite of: %s", text.size, err->message);
    fy_buf_done(&text);
    return NULL;
}

void unindent(char *text)
{
    char *to = text;

    for (const char *from = text; *from; from++) {
        if (*from != '\n') {
            *to++ = *from;
            continue;
        }
        if (to > text && to[-1] == ',')
            *to++ = ' ';
        while (from[1] == ' ')
            from++;
    }
    *to = '\0';
}
