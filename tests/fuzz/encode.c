/* libFuzzer target: any bytes as JSON of an image. What encodes must decode, and encode again to the same image. */
#include "json_image.h"
#include "require.h"
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The image as a file; the descriptor is kept from one run to the next. */
static int as_file(const struct fy_buf *image)
{
    static int fd = -1;

    if (fd < 0)
        fd = memfd_create("image", MFD_CLOEXEC);
    require(fd >= 0 && ftruncate(fd, 0) == 0);
    require(image->size == 0 || pwrite(fd, image->data, image->size, 0) == (ssize_t)image->size);
    return fd;
}

static void return_and_go(const struct fy_buf *image, bool pretty)
{
    struct fy_decode_options options = {.pretty = pretty};
    struct fy_error err = FY_ERROR_INIT;
    struct fy_buf text, again;

    fy_buf_init(&text, 0);
    fy_buf_init(&again, 0);
    if (json_decode(as_file(image), &options, &text, &err) == 0) {
        require(json_encode(text.data, text.size, &again, &err) == 0);
        require(again.size == image->size && memcmp(again.data, image->data, image->size) == 0);
    } else {
        require(err.code == FY_E_UNSUPPORTED); /* compressed pages, which can be written but not shown */
    }
    fy_buf_done(&text);
    fy_buf_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fy_error err = FY_ERROR_INIT;
    struct fy_buf image;

    fy_buf_init(&image, JSON_LIMIT_BYTES);
    if (json_encode(data, size, &image, &err) == 0) {
        return_and_go(&image, false);
        return_and_go(&image, true);
    } else {
        require(fy_error_is_set(&err));
    }
    fy_buf_done(&image);
    return 0;
}
