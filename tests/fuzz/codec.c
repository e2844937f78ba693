/* libFuzzer target: every image of a set as JSON and back. What decodes must encode to the very same bytes, from either
 * way to print. */
#include "archive.h"
#include "json_image.h"
#include "require.h"
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void go_and_return(int fd, const struct fy_decode_options *options, const struct archive_file *file)
{
    struct fy_error err = FY_ERROR_INIT;
    struct fy_buf text, image;

    fy_buf_init(&text, JSON_LIMIT_BYTES);
    fy_buf_init(&image, JSON_LIMIT_BYTES);
    if (json_decode(fd, options, &text, &err) < 0) {
        require(fy_error_is_set(&err));
    } else if (!options->no_payload) {
        int status = json_encode(text.data, text.size, &image, &err);
        if (status < 0)
            (void)fprintf(stderr, "%s: %s\n%.*s\n", file->name, err.message, (int)text.size, (const char *)text.data);
        require(status == 0 && image.size == file->size);
        require(memcmp(image.data, file->data, file->size) == 0);
    }
    fy_buf_done(&text);
    fy_buf_done(&image);
}

static void exercise(int fd, const struct archive_file *file)
{
    static const struct fy_decode_options ways[] = {{.pretty = false}, {.pretty = true}, {.no_payload = true}};
    struct fy_error err = FY_ERROR_INIT;
    struct fy_image_info info;

    require((fy_image_info(fd, file->name, NULL, &info, &err) < 0) == fy_error_is_set(&err));
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
        go_and_return(fd, &ways[i], file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct archive archive;
    int dir_fd;

    archive_parse(&archive, data, size);
    dir_fd = archive_unpack(&archive);
    for (size_t i = 0; i < archive.count; i++) {
        const struct archive_file *file = &archive.files[i];
        int fd;
        /* Holes are for pages, and would only make large texts. */
        if (file->zeros > 0 || !archive_is_in_set(&archive, i))
            continue;
        fd = openat(dir_fd, file->name, O_RDONLY | O_CLOEXEC);
        require(fd >= 0);
        exercise(fd, file);
        (void)close(fd);
    }
    return 0;
}
