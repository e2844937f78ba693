/* libFuzzer target: the reader of single images, over every file of a set. Aborts when a promise of image.h is broken.
 */
#include "archive.h"
#include "require.h"
#include <ferry/imgcore/image.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_image(int dir_fd, const char *name)
{
    struct fy_error err = FY_ERROR_INIT;
    struct fy_image_entry entry;
    struct fy_image *image;
    uint64_t count = 0, end = 4;
    int got;

    if (fy_image_open(dir_fd, name, NULL, &image, &err) < 0) {
        require(fy_error_is_set(&err));
        return;
    }
    if (fy_image_framing(image) != FY_FRAMING_V1_0)
        end = 8;
    while ((got = fy_image_next(image, &entry, &err)) > 0) {
        require(!fy_error_is_set(&err) && entry.message && entry.number == count++);
        require(entry.offset_bytes == end && entry.payload_offset_bytes >= entry.offset_bytes + 4);
        end = entry.payload_offset_bytes + entry.payload_bytes;
        require(end <= fy_image_size_bytes(image));
    }
    require((got < 0) == fy_error_is_set(&err));
    require(got < 0 || end == fy_image_size_bytes(image));
    fy_image_free(image);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct archive archive;
    int dir_fd;

    archive_parse(&archive, data, size);
    dir_fd = archive_unpack(&archive);
    for (size_t i = 0; i < archive.count; i++)
        read_image(dir_fd, archive.files[i].name);
    return 0;
}
