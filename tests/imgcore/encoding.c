/* Texts in pieces. */
#include "encoding.h"
#include <string.h>

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

int encode(const char *text, struct fy_buf *image, struct fy_error *err)
{
    struct source source = {.text = text, .size = strlen(text)};

    image->size = 0;
    return fy_image_encode_json(source_read, &source, "x", NULL, buf_write, image, err);
}
