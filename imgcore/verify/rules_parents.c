/* Every page that a pagemap has in its parent is followed level by level until it is found.
 *
 * CRIU does the same when it restores: it opens parent/pagemap-N.img for each pagemap, and that one's parent, and asks
 * each level for the page. Without the link, or without the parent's pagemap, it takes the page for one of its own and
 * reads whatever comes next in the pages image. */
#include "parents.h"
#include "report.h"
#include "set.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LABEL_SIZE (PARENTS_MAX * 7 + 64 + 1)

struct wanted {
    VECTOR(struct page_run) runs;
};

void fy_parents_init(struct parents *parents, int dir_fd, struct fy_report *report)
{
    struct stat status = {0};

    *parents = (struct parents){.report = report, .count = 1};
    (void)fstat(dir_fd, &status);
    parents->levels[0] = (struct parent_level){dir_fd, status.st_dev, status.st_ino};
}

void fy_parents_done(struct parents *parents)
{
    for (size_t i = 1; i < parents->count; i++)
        (void)close(parents->levels[i].dir_fd);
    fy_page_map_done(&parents->map);
}

/* "parent/parent/NAME" for a file of the second level before. */
static void make_label(size_t level, const char *name, char label[LABEL_SIZE])
{
    size_t used = 0;

    for (size_t i = 0; i < level && used + 7 < LABEL_SIZE - 64; i++, used += 7)
        memcpy(label + used, "parent/", 7);
    (void)snprintf(label + used, LABEL_SIZE - used, "%s", name);
}

__attribute__((format(printf, 5, 6))) static void report(const struct parents *parents, enum fy_finding_id id,
                                                         size_t level, const char *name, const char *format, ...)
{
    char label[LABEL_SIZE], text[256];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    make_label(level, name, label);
    fy_report_add(parents->report, &(struct fy_finding){.id = id, .file = label, .what = text});
}

static bool was_seen(const struct parents *parents, const struct stat *status)
{
    for (size_t i = 0; i < parents->count; i++)
        if (parents->levels[i].device == status->st_dev && parents->levels[i].inode == status->st_ino)
            return true;
    return false;
}

static void end_with(struct parents *parents, enum fy_finding_id id, const char *what)
{
    parents->is_faulty = true;
    report(parents, id, parents->count - 1, "parent", "%s", what);
}

/* Opens the level before the last one known, if it has one. A link may lead anywhere: it is the operator's. */
static void open_next(struct parents *parents)
{
    int before = parents->levels[parents->count - 1].dir_fd;
    struct stat status;
    int fd;

    parents->is_at_end = true;
    if (fstatat(before, "parent", &status, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
        return;
    fd = openat(before, "parent", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) < 0) {
        end_with(parents, FY_FINDING_PARENT_BROKEN, "does not lead to a directory");
    } else if (was_seen(parents, &status)) {
        end_with(parents, FY_FINDING_PARENT_LOOP, "leads back to a level that it comes from");
    } else if (parents->count == PARENTS_MAX) {
        end_with(parents, FY_FINDING_PARENT_DEPTH, "leads to more levels than ferry follows");
    } else {
        parents->levels[parents->count++] = (struct parent_level){fd, status.st_dev, status.st_ino};
        parents->is_at_end = false;
        return;
    }
    if (fd >= 0)
        (void)close(fd);
}

static bool has_level(struct parents *parents, size_t level)
{
    while (parents->count <= level && !parents->is_at_end)
        open_next(parents);
    return parents->count > level;
}

/* What the reader dislikes is a finding about the level's file; what the system says stays an error. */
static int report_fault(struct parents *parents, size_t level, const char *name, const struct fy_error *fault,
                        struct fy_error *err)
{
    size_t length = strlen(name);
    bool repeats_name = strncmp(fault->message, name, length) == 0 && fault->message[length] == ':';

    parents->map.is_unclear = true;
    if (fault->code != FY_E_FORMAT && fault->code != FY_E_LIMIT) {
        fy_error_propagate(err, fault);
        return -1;
    }
    report(parents, FY_FINDING_ENTRY_DAMAGED, level, name, "%.200s", fault->message + (repeats_name ? length + 2 : 0));
    return 0;
}

/* Reads the level's map of that name; false if there is none. */
static int read_map(struct parents *parents, size_t level, const char *name, bool *is_there, struct fy_error *err)
{
    struct fy_error fault = FY_ERROR_INIT;
    struct fy_image *image = NULL;
    struct fy_image_entry entry;
    char label[LABEL_SIZE];
    int result;

    make_label(level, name, label);
    fy_page_map_reset(&parents->map);
    *is_there = true;
    if (fy_image_open(parents->levels[level].dir_fd, name, NULL, &image, &fault) < 0) {
        *is_there = fault.code != FY_E_NOT_FOUND;
        return *is_there ? report_fault(parents, level, name, &fault, err) : 0;
    }
    while ((result = fy_image_next(image, &entry, &fault)) > 0)
        if (fy_page_map_take(&parents->map, parents->report, label, &entry, err) < 0)
            break;
    fy_image_free(image);
    if (result > 0)
        return -1;
    return result < 0 ? report_fault(parents, level, name, &fault, err) : 0;
}

/* The pages image of a level before is read in the same way as the set's own. */
static void check_size(struct parents *parents, size_t level, uint64_t wanted_bytes)
{
    struct stat status;
    char name[64];

    fy_set_image_name(FY_IMAGE_PAGES, parents->map.pages_id, name);
    if (fstatat(parents->levels[level].dir_fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(status.st_mode)) {
        if (wanted_bytes > 0)
            report(parents, FY_FINDING_PAGES_MISSING, level, name, "is missing: pages of this set are in it");
    } else if ((uint64_t)status.st_size != wanted_bytes) {
        report(parents, (uint64_t)status.st_size < wanted_bytes ? FY_FINDING_PAGES_SHORT : FY_FINDING_PAGES_LONG, level,
               name, "has %" PRIu64 " bytes, but its pagemap calls for %" PRIu64, (uint64_t)status.st_size,
               wanted_bytes);
    }
}

/* The run of `map` with the page at `address`, or NULL; `*stop` comes nearer if that changes before it. `*at` is where
 * the search begins, and is moved on. */
static const struct page_run *find_run(const struct page_map *map, size_t *at, uint64_t address, uint64_t *stop,
                                       uint32_t page_bytes)
{
    const struct page_run *run;
    uint64_t next;

    while (*at < map->runs.count && page_run_end(&map->runs.items[*at], page_bytes) <= address)
        ++*at;
    if (*at == map->runs.count)
        return NULL;
    run = &map->runs.items[*at];
    next = run->address <= address ? page_run_end(run, page_bytes) : run->address;
    if (next < *stop)
        *stop = next;
    return run->address <= address ? run : NULL;
}

struct lost {
    uint64_t pages, first;
};

/* Leaves in `wanted` what the level says is in its own parent, and counts pages of which it knows nothing, or which are
 * neither in it nor before it. Both lists are in the order of addresses. */
static int look_up(const struct page_map *map, struct wanted *wanted, uint32_t page_bytes, struct lost *lost,
                   struct fy_error *err)
{
    struct wanted further = {0};
    size_t at = 0;
    int result = 0;

    for (size_t i = 0; i < wanted->runs.count && result == 0; i++) {
        uint64_t end = page_run_end(&wanted->runs.items[i], page_bytes), stop;
        for (uint64_t address = wanted->runs.items[i].address; address < end && result == 0; address = stop) {
            const struct page_run *run = find_run(map, &at, address, (stop = end, &stop), page_bytes);
            uint64_t pages = (stop - address) / page_bytes;
            if (run && run->flags == PAGE_PARENT) {
                result = vector_push(&further.runs, err, (struct page_run){address, pages, PAGE_PARENT});
            } else if (!run || !(run->flags & PAGE_PRESENT)) {
                lost->first = lost->pages == 0 ? address : lost->first;
                lost->pages += pages;
            }
        }
    }
    free(wanted->runs.items);
    *wanted = further;
    return result;
}

/* Looks for the pages in one level. `wanted` is empty afterwards if nothing further can be said. */
static int check_level(struct parents *parents, size_t level, const char *name, uint32_t page_bytes,
                       struct wanted *wanted, struct fy_error *err)
{
    struct lost lost = {0};
    uint64_t pages_bytes;
    char label[LABEL_SIZE];
    bool is_there;

    if (read_map(parents, level, name, &is_there, err) < 0)
        return -1;
    make_label(level, name, label);
    if (!is_there)
        report(parents, FY_FINDING_PARENT_PAGEMAP, level, name, "is missing: pages of this set are in it");
    if (!is_there || parents->map.is_unclear ||
        !fy_page_map_check(&parents->map, parents->report, label, page_bytes, &pages_bytes)) {
        wanted->runs.count = 0;
        return 0;
    }
    check_size(parents, level, pages_bytes);
    if (look_up(&parents->map, wanted, page_bytes, &lost, err) < 0)
        return -1;
    if (lost.pages > 0)
        report(parents, FY_FINDING_PARENT_PAGES, level, name,
               "%" PRIu64 " pages that the level after it looks for here are not in it, the first at 0x%" PRIx64,
               lost.pages, lost.first);
    return 0;
}

static int gather(const struct page_map *map, struct wanted *wanted, struct fy_error *err)
{
    for (size_t i = 0; i < map->runs.count; i++)
        if (map->runs.items[i].flags == PAGE_PARENT && vector_push(&wanted->runs, err, map->runs.items[i]) < 0)
            return -1;
    return 0;
}

static void report_end(const struct parents *parents, size_t level, const char *name, const struct wanted *wanted)
{
    uint64_t pages = 0;

    for (size_t i = 0; i < wanted->runs.count; i++)
        pages += wanted->runs.items[i].pages;
    report(parents, FY_FINDING_PARENT_MISSING, level, name,
           "%" PRIu64 " of its pages are in the set before, but the link `parent` does not lead to one", pages);
}

int fy_parents_check(struct parents *parents, const struct page_map *map, const char *name, uint32_t page_bytes,
                     struct fy_error *err)
{
    struct wanted wanted = {0};
    int result = gather(map, &wanted, err);
    size_t level = 0;

    (void)has_level(parents, 1);
    while (result == 0 && wanted.runs.count > 0) {
        if (!has_level(parents, level + 1)) {
            if (!parents->is_faulty)
                report_end(parents, level, name, &wanted);
            break;
        }
        result = check_level(parents, ++level, name, page_bytes, &wanted, err);
    }
    free(wanted.runs.items);
    return result;
}
