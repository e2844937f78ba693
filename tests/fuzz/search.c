/* libFuzzer target: searching the memory of a set. The file "pattern" of the archive is what is searched for: a first
 * byte that says which kind of pattern it is, and its text. Aborts when a promise of search.h is broken. */
#include "archive.h"
#include "require.h"
#include <ferry/imgcore/search.h>
#include <string.h>

#define ZEROS_MAX ((size_t)1 << 20) /* holes cost time, and nothing is found in them */
#define HITS_MAX 1000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int see(const struct fy_search_hit *hit, void *data)
{
    unsigned sum = 0;

    require(hit->match_bytes > 0 && hit->before_bytes <= 16 && hit->after_bytes <= 16);
    for (size_t i = 0; i < hit->match_bytes; i++)
        sum += hit->match[i];
    if (hit->before_bytes > 0)
        sum += hit->before[0];
    if (hit->after_bytes > 0)
        sum += hit->after[hit->after_bytes - 1];
    (void)sum;
    return ++*(size_t *)data == HITS_MAX;
}

static struct fy_pattern *find_pattern(const struct archive *archive)
{
    struct fy_error err = FY_ERROR_INIT;
    struct fy_pattern *pattern = NULL;
    char text[512];

    for (size_t i = 0; i < archive->count; i++) {
        const struct archive_file *file = &archive->files[i];
        if (strcmp(file->name, "pattern") != 0 || file->size < 2 || file->size > sizeof(text))
            continue;
        memcpy(text, file->data + 1, file->size - 1);
        text[file->size - 1] = 0;
        if (fy_pattern_new((enum fy_pattern_kind)(file->data[0] % 3), text, &pattern, &err) < 0)
            require(fy_error_is_set(&err));
        break;
    }
    return pattern;
}

static void search(int dir_fd, struct fy_pattern *pattern)
{
    struct fy_search_options options = {.pattern = pattern, .context_bytes = 16};
    struct fy_search_summary summary;
    struct fy_error err = FY_ERROR_INIT;
    struct fy_explore *explore;
    size_t hits = 0;

    if (fy_explore_open(dir_fd, FY_EXPLORE_MAPPINGS, &explore, &err) < 0)
        return;
    if (fy_search_set(dir_fd, explore, &options, see, &hits, &summary, &err) < 0)
        require(fy_error_is_set(&err));
    fy_explore_free(explore);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct archive archive;
    struct fy_pattern *pattern;
    size_t zeros = 0;

    archive_parse(&archive, data, size);
    for (size_t i = 0; i < archive.count; i++)
        zeros += archive.files[i].zeros;
    pattern = zeros <= ZEROS_MAX ? find_pattern(&archive) : NULL;
    if (!pattern)
        return 0;
    search(archive_unpack(&archive), pattern);
    fy_pattern_free(pattern);
    return 0;
}
