/* libFuzzer target: what changed between two sets, of which the archive's parent set is the earlier one. Aborts when a
 * promise of diff.h is broken. */
#include "archive.h"
#include "require.h"
#include <fcntl.h>
#include <ferry/imgcore/diff.h>
#include <unistd.h>

#define PARTS (FY_EXPLORE_DESCRIPTORS | FY_EXPLORE_MAPPINGS | FY_EXPLORE_COMMANDS)
#define ZEROS_MAX ((size_t)4 << 20) /* each page of a hole is compared */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void compare(const struct fy_diff_side *a, const struct fy_diff_side *b, bool same)
{
    struct fy_error err = FY_ERROR_INIT;
    struct fy_diff diff;

    if (fy_diff_make(a, b, &diff, &err) < 0) {
        require(fy_error_is_set(&err));
        return;
    }
    for (size_t i = 0; i < diff.task_count; i++) {
        require(diff.tasks[i].a || diff.tasks[i].b);
        require(!same || (diff.tasks[i].changes == 0 && diff.tasks[i].pages.changed == 0));
    }
    fy_diff_done(&diff);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct archive archive;
    struct fy_error err = FY_ERROR_INIT;
    struct fy_diff_side before, after;
    struct fy_explore *first = NULL, *second = NULL;
    size_t zeros = 0;

    archive_parse(&archive, data, size);
    for (size_t i = 0; i < archive.count; i++)
        zeros += archive.files[i].zeros;
    if (zeros > ZEROS_MAX)
        return 0;
    after.dir_fd = archive_unpack(&archive);
    before.dir_fd = openat(after.dir_fd, "../before", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    require(before.dir_fd >= 0);
    if (fy_explore_open(before.dir_fd, PARTS, &first, &err) == 0 &&
        fy_explore_open(after.dir_fd, PARTS, &second, &err) == 0) {
        before.explore = first;
        after.explore = second;
        compare(&before, &after, false);
        compare(&after, &after, true);
    }
    fy_explore_free(first);
    fy_explore_free(second);
    (void)close(before.dir_fd);
    return 0;
}
