/* Takes down the names in a directory; links are read and not followed. */
#include "listing.h"
#include "manifest_private.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ferry/base/cleanup.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

static const char *name_of_mode(mode_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFDIR:
        return "a directory";
    case S_IFLNK:
        return "a symbolic link";
    case S_IFIFO:
        return "a FIFO";
    case S_IFSOCK:
        return "a socket";
    case S_IFREG:
        return "a regular file";
    default:
        return "a device";
    }
}

static int read_link(int dir_fd, struct item *item, struct fy_error *err)
{
    char target[PATH_MAX];
    ssize_t size = readlinkat(dir_fd, item->name, target, sizeof(target));

    if (size < 0)
        return fy_error_errno(err, errno, "cannot read the link %s", item->name);
    item->target = strndup(target, (size_t)size);
    if (!item->target)
        return fy_error_set(err, FY_E_NOMEM, "no memory for the target of a link");
    item->kind = ITEM_LINK;
    item->size_bytes = (uint64_t)size;
    return 0;
}

static int fill(struct item *item, int dir_fd, struct fy_error *err)
{
    struct stat status;

    if (!item->name)
        return fy_error_set(err, FY_E_NOMEM, "no memory for the names of an image set");
    if (fstatat(dir_fd, item->name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return fy_error_errno(err, errno, "cannot examine %s", item->name);
    item->kind_name = name_of_mode(status.st_mode);
    if (S_ISLNK(status.st_mode) && strcmp(item->name, PARENT_NAME) == 0)
        return read_link(dir_fd, item, err);
    item->kind = S_ISREG(status.st_mode) ? ITEM_FILE : ITEM_OTHER;
    item->size_bytes = S_ISREG(status.st_mode) ? (uint64_t)status.st_size : 0;
    return 0;
}

static void item_done(struct item *item)
{
    free(item->name);
    free(item->target);
}

static int add(struct listing *listing, int dir_fd, const char *name, struct fy_error *err)
{
    struct item item = {.name = strdup(name)};

    if (listing->items.count >= ENTRIES_MAX)
        (void)fy_error_set(err, FY_E_LIMIT, "the directory has more than %d files", ENTRIES_MAX);
    else if (fill(&item, dir_fd, err) == 0 && vector_push(&listing->items, err, item) == 0)
        return 0;
    item_done(&item);
    return -1;
}

static bool is_of_the_set(const char *name)
{
    return strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && strcmp(name, FY_MANIFEST_NAME) != 0 &&
           strcmp(name, FY_MANIFEST_NAME MANIFEST_NEW_SUFFIX) != 0;
}

static int compare_items(const void *left, const void *right)
{
    return strcmp(((const struct item *)left)->name, ((const struct item *)right)->name);
}

int fy_listing_read(struct listing *listing, int dir_fd, struct fy_error *err)
{
    /* A descriptor of its own, because the position in a directory is shared by duplicates. */
    FY_AUTO_CLOSE int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    int result = 0;

    *listing = (struct listing){0};
    if (!dir)
        return fy_error_errno(err, errno, "cannot open the image set");
    fd = -1; /* is the stream's now */
    while (result == 0 && (errno = 0, (entry = readdir(dir)) != NULL))
        if (is_of_the_set(entry->d_name))
            result = add(listing, dir_fd, entry->d_name, err);
    if (result == 0 && errno)
        result = fy_error_errno(err, errno, "cannot list the image set");
    (void)closedir(dir);
    vector_sort(&listing->items, compare_items);
    return result;
}

void fy_listing_done(struct listing *listing)
{
    for (size_t i = 0; i < listing->items.count; i++)
        item_done(&listing->items.items[i]);
    free(listing->items.items);
    *listing = (struct listing){0};
}
