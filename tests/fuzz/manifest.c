/* libFuzzer target: a hostile ferry.manifest beside the files it may or may not describe, and manifests of hostile
 * sets. Aborts when a promise of manifest.h is broken. */
#include "archive.h"
#include "require.h"
#include <ferry/imgcore/manifest.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void count_difference(const struct fy_manifest_difference *difference, void *data)
{
    require(difference->name != NULL);
    ++*(size_t *)data;
}

static size_t differences(const struct fy_manifest *manifest, int dir_fd)
{
    struct fy_error err = FY_ERROR_INIT;
    size_t seen = 0, count = 0;

    require(fy_manifest_compare(manifest, dir_fd, 1, count_difference, &seen, &count, &err) == 0);
    require(seen == count);
    return count;
}

static void use(const struct fy_manifest *manifest, int dir_fd)
{
    char line[FY_MANIFEST_ROOT_LINE_SIZE];

    fy_manifest_root_line(manifest, line);
    require(strlen(line) == sizeof(line) - 1);
    for (size_t i = 0; i < fy_manifest_count(manifest); i++)
        require(fy_manifest_find(manifest, fy_manifest_get(manifest, i).name) == (ptrdiff_t)i);
    (void)differences(manifest, dir_fd);
}

/* A set equals the manifest that was just made of it, also after that was written and read. */
static void make(int dir_fd)
{
    struct fy_manifest_options options = {.threads = 1, .label = "fuzz"};
    struct fy_error err = FY_ERROR_INIT;
    struct fy_manifest *made, *again;

    if (fy_manifest_create(dir_fd, &options, &made, &err) < 0) {
        require(fy_error_is_set(&err));
        return;
    }
    require(differences(made, dir_fd) == 0);
    require(fy_manifest_write(made, dir_fd, FY_MANIFEST_NAME, &err) == 0);
    require(fy_manifest_read(dir_fd, FY_MANIFEST_NAME, &again, &err) == 0);
    require(memcmp(fy_manifest_root(made), fy_manifest_root(again), FY_MANIFEST_HASH_BYTES) == 0);
    require(differences(again, dir_fd) == 0);
    fy_manifest_free(made);
    fy_manifest_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct archive archive;
    struct fy_error err = FY_ERROR_INIT;
    struct fy_manifest *manifest;
    int dir_fd;

    archive_parse(&archive, data, size);
    dir_fd = archive_unpack(&archive);
    if (fy_manifest_read(dir_fd, FY_MANIFEST_NAME, &manifest, &err) == 0) {
        use(manifest, dir_fd);
        fy_manifest_free(manifest);
    }
    make(dir_fd);
    (void)unlinkat(dir_fd, FY_MANIFEST_NAME, 0);
    return 0;
}
