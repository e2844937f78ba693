/* Page size by the auxiliary vector that the kernel gave the task, or by the size of a pages file. */
#include "page_bytes.h"

#include <ferry/imgcore/image.h>
#include <inttypes.h>
#include <linux/auxvec.h>
#include <stdio.h>

/* From x86 to a ppc64 with large pages: what Linux has. */
static bool is_page_size(uint64_t bytes)
{
    return bytes >= 4096 && bytes <= 65536 && (bytes & (bytes - 1)) == 0;
}

uint32_t fy_page_bytes_of_mm(const MmEntry *mm)
{
    for (size_t i = 0; i + 1 < mm->n_mm_saved_auxv; i += 2)
        if (mm->mm_saved_auxv[i] == AT_PAGESZ && is_page_size(mm->mm_saved_auxv[i + 1]))
            return (uint32_t)mm->mm_saved_auxv[i + 1];
    for (size_t i = 0; i < mm->n_mm_saved_auxv; i++)
        if ((mm->mm_saved_auxv[i] & UINT32_MAX) == AT_PAGESZ && is_page_size(mm->mm_saved_auxv[i] >> 32))
            return (uint32_t)(mm->mm_saved_auxv[i] >> 32);
    return 0;
}

uint32_t fy_page_bytes_of_task(int dir_fd, uint64_t pid)
{
    struct fy_image *image = NULL;
    struct fy_image_entry entry;
    char name[64];
    uint32_t bytes = 0;

    (void)snprintf(name, sizeof(name), "mm-%" PRIu64 ".img", pid);
    if (fy_image_open(dir_fd, name, NULL, &image, NULL) == 0 && fy_image_next(image, &entry, NULL) > 0)
        bytes = fy_page_bytes_of_mm((const MmEntry *)entry.message);
    fy_image_free(image);
    return bytes;
}

uint32_t fy_page_bytes_of_file(uint64_t file_bytes, uint64_t pages)
{
    if (pages == 0 || file_bytes % pages != 0 || !is_page_size(file_bytes / pages))
        return 0;
    return (uint32_t)(file_bytes / pages);
}
