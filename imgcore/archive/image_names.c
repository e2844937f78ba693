/* What lies in an image set's directory. */
#include "image_names.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ferry/base/array.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <ferry/imgcore/archive.h>
#include <string.h>
#include <sys/stat.h>

void image_names_done(struct image_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->items[i]);
    free(names->items);
    *names = (struct image_names){0};
}

bool image_names_is_image(const char *name)
{
    size_t length = strlen(name);
    return (length > 4 && strcmp(name + length - 4, ".img") == 0) || strcmp(name, "descriptors.json") == 0 ||
           strncmp(name, "ferry.", 6) == 0;
}

bool image_names_is_trace(const char *name)
{
    size_t length = strlen(name);
    return strncmp(name, "stats-", 6) == 0 || (length > 4 && strcmp(name + length - 4, ".log") == 0);
}

static int add(struct image_names *names, const char *name, struct fy_error *err)
{
    if (names->count == FY_ARCHIVE_MAX_ENTRIES)
        return fy_error_set(err, FY_E_LIMIT, "more than %u image files", FY_ARCHIVE_MAX_ENTRIES);
    if (fy_array_room(&names->items, &names->capacity, names->count, sizeof *names->items, "a list of image files",
                      err) < 0)
        return -1;
    char *copy = strdup(name);
    if (!copy)
        return fy_error_set(err, FY_E_NOMEM, "no memory for a list of image files");
    names->items[names->count++] = copy;
    return 0;
}

static int take(int dir_fd, const char *name, struct image_names *names, struct fy_error *err)
{
    struct stat status;
    if (fstatat(dir_fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return fy_error_errno(err, errno, "cannot look at %s", name);
    if (strcmp(name, "parent") == 0 && S_ISLNK(status.st_mode))
        return fy_error_set(err, FY_E_VERIFY, "this image set is not whole: other pages are in its parent");
    if (!S_ISREG(status.st_mode) || !fy_fs_is_plain_name(name))
        return fy_error_set(err, FY_E_VERIFY, "%.80s in the image set is not a plain file", name);
    if (strcmp(name, FY_ARCHIVE_REST) != 0)
        return add(names, name, err);
    names->has_rest = true;
    return 0;
}

static int by_name(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

static void cleanup_dir(DIR **dir)
{
    if (*dir)
        (void)closedir(*dir);
}

int image_names_list(int dir_fd, struct image_names *names, struct fy_error *err)
{
    int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    FY_CLEANUP(cleanup_dir) DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    struct image_names found = {0};
    struct dirent *entry;
    if (!dir) {
        int number = errno;
        if (fd >= 0)
            (void)close(fd);
        return fy_error_errno(err, number, "cannot open the image set");
    }
    while ((entry = readdir(dir))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (take(dir_fd, entry->d_name, &found, err) < 0) {
            image_names_done(&found);
            return -1;
        }
    }
    if (found.count > 1)
        qsort(found.items, found.count, sizeof *found.items, by_name);
    *names = found;
    return 0;
}
