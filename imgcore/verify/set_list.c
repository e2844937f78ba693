/* What is in the directory of an image set. */
#include "set.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ferry/base/cleanup.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* A task has seven images, a thread one: a hundred thousand tasks, or a million threads. */
#define FILES_MAX 1000000

/* CRIU's files by kind and id, then all others by name. */
static int compare_files(const void *left, const void *right)
{
    const struct set_file *a = left, *b = right;
    int kind_a = a->type ? (int)a->type->kind : FY_IMAGE_KIND_COUNT;
    int kind_b = b->type ? (int)b->type->kind : FY_IMAGE_KIND_COUNT;

    if (kind_a != kind_b)
        return kind_a < kind_b ? -1 : 1;
    if (a->id != b->id)
        return a->id < b->id ? -1 : 1;
    return a->type ? 0 : strcmp(a->name, b->name);
}

static int add_file(struct fy_set *set, const char *name, struct fy_error *err)
{
    struct set_file file = {0};
    struct stat status;

    if (fstatat(set->dir_fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return fy_error_errno(err, errno, "%s", name);
    if (set->files.count >= FILES_MAX)
        return fy_error_set(err, FY_E_LIMIT, "the directory has more than %d files", FILES_MAX);
    file.type = fy_catalogue_find(name, &file.id);
    file.is_regular = S_ISREG(status.st_mode);
    file.size_bytes = file.is_regular ? (uint64_t)status.st_size : 0;
    file.name = strdup(name);
    if (!file.name)
        return fy_error_set(err, FY_E_NOMEM, "no memory for the names of an image set");
    if (vector_push(&set->files, err, file) < 0) {
        free(file.name);
        return -1;
    }
    set->known_count += file.type != NULL;
    return 0;
}

/* The link to the level before, and our manifest, belong to the set without being of its files. */
static bool is_of_the_set(const char *name)
{
    return strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && strcmp(name, "parent") != 0 &&
           strcmp(name, "ferry.manifest") != 0;
}

static int list(struct fy_set *set, DIR *dir, struct fy_error *err)
{
    struct dirent *entry;

    while (errno = 0, (entry = readdir(dir)) != NULL) {
        if (!is_of_the_set(entry->d_name))
            continue;
        if (add_file(set, entry->d_name, err) < 0)
            return -1;
    }
    return errno ? fy_error_errno(err, errno, "listing the image set") : 0;
}

int fy_set_list(struct fy_set *set, struct fy_error *err)
{
    /* A descriptor of its own, because the position in a directory is shared by duplicates. */
    int fd = openat(set->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    int result;

    if (!dir) {
        int reason = errno;
        if (fd >= 0)
            (void)close(fd);
        return fy_error_errno(err, reason, "opening the image set");
    }
    result = list(set, dir, err);
    (void)closedir(dir);
    vector_sort(&set->files, compare_files);
    return result;
}

const struct set_file *fy_set_find_image(const struct fy_set *set, enum fy_image_kind kind, uint64_t id)
{
    struct set_file key = {.type = fy_catalogue_get(kind), .id = id};

    return vector_find(&set->files, &key, compare_files);
}

const struct set_file *fy_set_images(const struct fy_set *set, enum fy_image_kind kind, size_t *count)
{
    size_t first = 0, end;

    while (first < set->known_count && set->files.items[first].type->kind < kind)
        first++;
    for (end = first; end < set->known_count && set->files.items[end].type->kind == kind;)
        end++;
    *count = end - first;
    return *count > 0 ? &set->files.items[first] : NULL;
}

bool fy_set_is_whole(const struct fy_set *set, enum fy_image_kind kind)
{
    return !set->is_damaged[kind];
}

void fy_set_image_name(enum fy_image_kind kind, uint64_t id, char name[64])
{
    const char *pattern = fy_catalogue_get(kind)->pattern;
    const char *number = strchr(pattern, '%');

    if (!number)
        (void)snprintf(name, 64, "%s", pattern);
    else if (number[1] == 'x')
        (void)snprintf(name, 64, "%.*s%" PRIx64 "%s", (int)(number - pattern), pattern, id, number + 2);
    else
        (void)snprintf(name, 64, "%.*s%" PRIu64 "%s", (int)(number - pattern), pattern, id, number + 2);
}

#define REPORT(finding)                                                                                                \
    do {                                                                                                               \
        char text[512];                                                                                                \
        va_list arguments;                                                                                             \
        va_start(arguments, format);                                                                                   \
        (void)vsnprintf(text, sizeof(text), format, arguments);                                                        \
        va_end(arguments);                                                                                             \
        finding.what = text;                                                                                           \
        fy_report_add(set->report, &finding);                                                                          \
    } while (0)

void fy_set_report(const struct fy_set *set, enum fy_finding_id id, const char *file, const char *format, ...)
{
    struct fy_finding finding = {.id = id, .file = file};
    REPORT(finding);
}

void fy_set_report_entry(const struct fy_set *set, enum fy_finding_id id, const char *file, uint64_t entry,
                         const char *format, ...)
{
    struct fy_finding finding = {.id = id, .file = file, .has_entry = true, .entry = entry};
    REPORT(finding);
}

void fy_set_init(struct fy_set *set, int dir_fd, struct fy_report *report)
{
    *set = (struct fy_set){.dir_fd = dir_fd, .report = report};
}

void fy_set_done(struct fy_set *set)
{
    for (size_t i = 0; i < set->files.count; i++)
        free(set->files.items[i].name);
    free(set->files.items);
    free(set->tasks.items);
    free(set->threads.items);
    free(set->cores.items);
    free(set->ids.items);
    free(set->mms.items);
    free(set->fds.items);
    free(set->open_files.items);
    free(set->file_refs.items);
    free(set->image_refs.items);
    free(set->pagemaps.items);
    free(set->mounts.items);
    fy_edges_done(&set->edges);
    free(set->vmas.items);
    free(set->segments.items);
    fy_page_map_done(&set->map);
}
