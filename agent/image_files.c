/* Listing of an image directory. */
#include "image_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ferry/base/array.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <string.h>
#include <sys/stat.h>

void fy_image_files_done(struct fy_image_files *files)
{
    for (size_t i = 0; i < files->count; i++)
        free(files->items[i].name);
    free(files->items);
    *files = (struct fy_image_files){0};
}

static int add(struct fy_image_files *files, size_t *capacity, const char *name, uint64_t size, struct fy_error *err)
{
    if (files->count == FY_MAX_IMAGE_FILES)
        return fy_error_set(err, FY_E_LIMIT, "more than %u image files", FY_MAX_IMAGE_FILES);
    if (fy_array_room(&files->items, capacity, files->count, sizeof *files->items, "the list of image files", err) < 0)
        return -1;
    char *copy = strdup(name);
    if (!copy)
        return fy_error_set(err, FY_E_NOMEM, "no memory for the list of image files");
    files->items[files->count++] = (struct fy_image_file){.name = copy, .size_bytes = size};
    files->total_bytes += size;
    return 0;
}

static int list_entry(int dir_fd, const char *name, struct fy_image_files *files, size_t *capacity,
                      struct fy_error *err)
{
    struct stat st;
    if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return fy_error_errno(err, errno, "looking at image file %s", name);
    if (!S_ISREG(st.st_mode) || !fy_fs_is_plain_name(name))
        return fy_error_set(err, FY_E_VERIFY, "%s in the image directory is not a plain file", name);
    return add(files, capacity, name, (uint64_t)st.st_size, err);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct fy_image_file *)a)->name, ((const struct fy_image_file *)b)->name);
}

static void cleanup_dir(DIR **dir)
{
    if (*dir)
        (void)closedir(*dir);
}

bool fy_image_file_has_pages(const char *name)
{
    return strncmp(name, "pages-", 6) == 0;
}

static bool is_dot(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static int list(int dir_fd, bool growing, struct fy_image_files *files, struct fy_error *err)
{
    int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    FY_CLEANUP(cleanup_dir) DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (!dir) {
        int saved = errno;
        if (fd >= 0)
            (void)close(fd);
        return fy_error_errno(err, saved, "opening the image directory");
    }
    struct fy_image_files found = {0};
    size_t capacity = 0;
    struct dirent *entry;
    while ((entry = readdir(dir))) {
        if (is_dot(entry->d_name) || (growing && !fy_image_file_has_pages(entry->d_name)))
            continue;
        if (list_entry(dir_fd, entry->d_name, &found, &capacity, err) < 0) {
            fy_image_files_done(&found);
            return -1;
        }
    }
    if (found.count > 1)
        qsort(found.items, found.count, sizeof *found.items, by_name);
    *files = found;
    return 0;
}

int fy_image_files_list(int dir_fd, struct fy_image_files *files, struct fy_error *err)
{
    return list(dir_fd, false, files, err);
}

int fy_image_files_list_growing(int dir_fd, struct fy_image_files *files, struct fy_error *err)
{
    return list(dir_fd, true, files, err);
}
