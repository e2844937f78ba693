/* Which memories a set has, by the names of its files. */
#include "vector.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ferry/imgcore/catalogue.h>
#include <ferry/imgcore/memory.h>
#include <unistd.h>

static int compare_ids(const void *left, const void *right)
{
    const struct fy_memory_id *a = left, *b = right;

    if (a->is_shared != b->is_shared)
        return a->is_shared ? 1 : -1;
    return (a->id > b->id) - (a->id < b->id);
}

int fy_memory_list(int dir_fd, struct fy_memory_id **ids, size_t *count, struct fy_error *err)
{
    VECTOR(struct fy_memory_id) found = {0};
    int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;
    int result = 0;

    if (!dir) {
        result = fy_error_errno(err, errno, "reading the image directory");
        if (fd >= 0)
            (void)close(fd);
        return result;
    }
    while (result == 0 && (entry = readdir(dir)) != NULL) {
        uint64_t id;
        const struct fy_image_type *type = fy_catalogue_find(entry->d_name, &id);
        if (type && (type->kind == FY_IMAGE_PAGEMAP || type->kind == FY_IMAGE_PAGEMAP_SHMEM))
            result =
                vector_push(&found, err, (struct fy_memory_id){.is_shared = type->kind == FY_IMAGE_PAGEMAP_SHMEM, id});
    }
    (void)closedir(dir);
    if (result < 0) {
        free(found.items);
        return -1;
    }
    vector_sort(&found, compare_ids);
    *ids = found.items;
    *count = found.count;
    return 0;
}
