/* Free space and free memory. */
#include "storage.h"

#include <errno.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/text.h>
#include <stdio.h>
#include <sys/statvfs.h>

static void close_file(FILE **file)
{
    if (*file)
        (void)fclose(*file);
}

uint64_t fy_storage_memory_bytes(void)
{
    FY_CLEANUP(close_file) FILE *file = fopen("/proc/meminfo", "re");
    char line[128];
    unsigned long long kib;
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "MemAvailable: %llu kB", &kib) == 1)
            return kib * 1024;
    return UINT64_MAX;
}

static int refuse(const char *what, uint64_t have, const char *next, struct fy_error *err)
{
    char text[FY_TEXT_SIZE];
    fy_text_bytes(have, text);
    fy_error_set(err, FY_E_NOSPACE, "No space left for the image set: %s has %s left", what, text);
    return fy_error_next(err, "%s", next);
}

int fy_storage_check(int dir_fd, uint64_t bytes, bool in_memory, struct fy_error *err)
{
    struct statvfs info;
    if (fstatvfs(dir_fd, &info) < 0)
        return fy_error_errno(err, errno, "asking for the free space of the image directory");
    uint64_t available = (uint64_t)info.f_bavail * info.f_frsize;
    if (available < bytes)
        return refuse("the file system of run_dir at the destination", available,
                      "make room on the file system of run_dir at the destination (a tmpfs: enlarge it)", err);
    available = in_memory ? fy_storage_memory_bytes() : UINT64_MAX;
    if (available < bytes || available - bytes < FY_STORAGE_SPARE_BYTES)
        return refuse("the destination's memory", available,
                      "free memory at the destination: the image set lies in memory until the workload runs there",
                      err);
    return 0;
}
