/* libFuzzer target: a hostile archive of a checkpoint, in any of the forms that are read. Aborts when a promise of
 * archive.h is broken: what was taken can be written and read again and is the same, and nothing is outside the set. */
#include "require.h"

#include <dirent.h>
#include <fcntl.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <ferry/imgcore/archive.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define LIMIT_BYTES ((uint64_t)8 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char place[64];

static void make_place(void)
{
    const char *directory = getenv("FERRY_FUZZ_DIR");
    (void)snprintf(place, sizeof place, "%.40s/podman-XXXXXX", directory ? directory : "/dev/shm");
    require(mkdtemp(place) != NULL);
}

static void remove_place(void)
{
    (void)fy_fs_remove_tree(place, NULL);
}

/* An empty directory of the place. */
static int open_directory(const char *name)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", place, name);
    require(fy_fs_remove_tree(path, NULL) == 0);
    require(mkdir(path, 0700) == 0);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    require(fd >= 0);
    return fd;
}

/* Plain files only; returns their bytes. */
static uint64_t sum_of(int fd)
{
    uint64_t bytes = 0;
    DIR *dir = fdopendir(openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    require(dir != NULL);
    for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
        struct stat status;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        require(fstatat(fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0);
        require(S_ISREG(status.st_mode));
        if (strcmp(entry->d_name, FY_ARCHIVE_REST) != 0)
            bytes += (uint64_t)status.st_size;
    }
    (void)closedir(dir);
    return bytes;
}

static void write_and_read_again(int images_fd, const struct fy_archive_summary *before)
{
    struct fy_archive_summary after;
    struct fy_error err = FY_ERROR_INIT;
    FY_AUTO_CLOSE int again_fd = open_directory("again");
    FY_AUTO_CLOSE int tar = memfd_create("archive", MFD_CLOEXEC);
    if (before->format == FY_ARCHIVE_PODMAN)
        require(fy_archive_write_podman(images_fd, NULL, FY_ARCHIVE_NONE, tar, &err) == 0);
    else
        require(fy_archive_write_plain(images_fd, FY_ARCHIVE_NONE, tar, &err) == 0);
    require(lseek(tar, 0, SEEK_SET) == 0);
    require(fy_archive_read(tar, again_fd, 2 * LIMIT_BYTES, &after, &err) == 0);
    require(after.format == before->format);
    require(after.files == before->files);
    require(sum_of(again_fd) == sum_of(images_fd));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fy_archive_summary summary;
    struct fy_podman_config config;
    struct fy_error err = FY_ERROR_INIT;
    if (!place[0]) {
        make_place();
        (void)atexit(remove_place);
    }
    FY_AUTO_CLOSE int images_fd = open_directory("images");
    FY_AUTO_CLOSE int tar = memfd_create("input", MFD_CLOEXEC);
    require(fy_fs_write_all(tar, data, size, NULL) == 0 && lseek(tar, 0, SEEK_SET) == 0);
    if (fy_archive_read(tar, images_fd, LIMIT_BYTES, &summary, &err) < 0) {
        require(fy_error_is_set(&err));
        (void)sum_of(images_fd);
        return 0;
    }
    require(summary.bytes <= LIMIT_BYTES && sum_of(images_fd) <= LIMIT_BYTES);
    if (summary.format == FY_ARCHIVE_PODMAN && fy_podman_config_read(images_fd, &config, &err) == 0)
        require(config.id[0] && config.name[0] && config.name[0] != '-');
    write_and_read_again(images_fd, &summary);
    return 0;
}
