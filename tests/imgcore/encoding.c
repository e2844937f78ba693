/* Texts in pieces. */
#include "encoding.h"
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define BLANKS 600 /* more than the encoder looks ahead */

int source_read(void *data, void *bytes, size_t capacity, size_t *size, struct fy_error *err)
{
    struct source *source = data;
    size_t count = source->size - source->at;

    if (count == 0 && (source->fills > 0 || source->tail)) {
        source->text = source->fills > 0 ? source->fill : source->tail;
        source->tail = source->fills > 0 ? source->tail : NULL;
        source->fills -= source->fills > 0;
        source->size = strlen(source->text);
        source->at = 0;
        return source_read(data, bytes, capacity, size, err);
    }
    if (count > capacity)
        count = capacity;
    memcpy(bytes, source->text + source->at, count);
    source->at += count;
    *size = count;
    return 0;
}

int buf_write(void *data, const void *bytes, size_t size, struct fy_error *err)
{
    return fy_buf_append(data, bytes, size, err);
}

static int encode_text(const char *text, size_t size, struct fy_buf *image, struct fy_error *err)
{
    struct source source = {.text = text, .size = size};

    image->size = 0;
    return fy_image_encode_json(source_read, &source, "x", NULL, buf_write, image, err);
}

/* The encoder guesses keys and numbers where much text is left in its window, and must come to the same. */
static void expect_same_with_more_text(const char *text, int rc, const struct fy_buf *image, const struct fy_error *err)
{
    size_t size = strlen(text);
    struct fy_buf other = {0};
    struct fy_error other_err = FY_ERROR_INIT;
    char *longer = malloc(size + BLANKS);

    cr_assert_not_null(longer);
    memcpy(longer, text, size);
    memset(longer + size, ' ', BLANKS);
    cr_expect_eq(encode_text(longer, size + BLANKS, &other, &other_err), rc, "%s", text);
    cr_expect(!err || strcmp(other_err.message, err->message) == 0, "%s: %s", text, other_err.message);
    cr_expect(rc < 0 ||
                  (other.size == image->size && (other.size == 0 || !memcmp(other.data, image->data, other.size))),
              "%s", text);
    fy_buf_done(&other);
    free(longer);
}

int encode(const char *text, struct fy_buf *image, struct fy_error *err)
{
    size_t size = strlen(text);
    int rc = encode_text(text, size, image, err);

    if (size > 0 && text[size - 1] == '}') /* what is not finished ends elsewhere then */
        expect_same_with_more_text(text, rc, image, err);
    return rc;
}
