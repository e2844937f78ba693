/* Searching a set: memory after memory is led through the window, and each match gets the names of its place. */
#include "search_window.h"
#include "shared_views.h"

#include <ferry/base/cleanup.h>
#include <ferry/imgcore/memory.h>
#include <inttypes.h>

struct search {
    const struct fy_explore *explore;
    const struct fy_search_options *options;
    fy_search_fn *on_hit;
    void *data;
    shared_views views;
    struct fy_search_summary summary;
    struct fy_memory_id memory;         /* being searched */
    const struct fy_explore_task *task; /* whose it is */
    struct window window;
};

/* ---- the place of a match ---- */

static const struct fy_explore_task *find_task(const struct fy_explore *explore, uint64_t pid)
{
    for (size_t i = 0; i < fy_explore_task_count(explore); i++)
        if (fy_explore_task(explore, i)->pid == pid)
            return fy_explore_task(explore, i);
    return NULL;
}

static void name_place(const struct search *search, struct fy_search_hit *hit)
{
    if (hit->is_shared) {
        const struct shared_view *view = fy_shared_views_of(&search->views, hit->memory, hit->address);
        if (!view)
            return;
        hit->mapping = view->mapping;
        hit->mapping_pid = view->pid;
        hit->mapped_address = view->mapping->start + (hit->address - view->mapping->offset_bytes);
        return;
    }
    hit->mapped_address = hit->address;
    hit->mapping_pid = (uint32_t)hit->memory;
    for (size_t i = 0; hit->task && i < hit->task->mapping_count && !hit->mapping; i++)
        if (hit->address >= hit->task->mappings[i].start && hit->address < hit->task->mappings[i].end)
            hit->mapping = &hit->task->mappings[i];
}

static int on_match(const struct window_match *match, void *context)
{
    struct search *search = context;
    struct fy_search_hit hit = {
        .is_shared = search->memory.is_shared,
        .memory = search->memory.id,
        .address = match->address,
        .task = search->task,
        .before = match->before,
        .match = match->match,
        .after = match->after,
        .before_bytes = match->before_bytes,
        .match_bytes = match->match_bytes,
        .after_bytes = match->after_bytes,
    };
    name_place(search, &hit);
    search->summary.hits++;
    return search->on_hit(&hit, search->data);
}

/* ---- one memory ---- */

static void count_missing(struct search *search, const struct fy_memory_run *run)
{
    if (run->kind == FY_MEMORY_LAZY)
        search->summary.lazy_pages += run->pages;
    else if (run->kind == FY_MEMORY_LOST)
        search->summary.lost_pages += run->pages;
}

/* Bytes from `*address` on into the window; it is advanced by them. A match that takes too much work ends the search:
 * *is_fatal. */
static int lead_through(struct search *search, const struct fy_memory *memory, uint64_t *address, bool *is_fatal,
                        struct fy_error *err)
{
    size_t got = 0;
    uint8_t *room = fy_window_room(&search->window, *address, err);
    if (!room) {
        *is_fatal = true;
        return -1;
    }
    if (fy_memory_read(memory, *address, room, WINDOW_STEP_BYTES, &got, err) < 0)
        return -1;
    search->summary.searched_bytes += got;
    *address += got;
    if (fy_window_filled(&search->window, got, err) == 0)
        return 0;
    *is_fatal = true;
    return -1;
}

/* A run that cannot be read is passed over; the first error stays in `err`. */
static bool search_runs(struct search *search, const struct fy_memory *memory, struct fy_error *err)
{
    uint64_t address = 0;
    bool is_fatal = false;
    uint32_t page_bytes = fy_memory_page_bytes(memory);
    size_t count = fy_memory_run_count(memory);
    for (size_t i = 0; i < count && !search->window.is_over && !is_fatal;) {
        const struct fy_memory_run *run = fy_memory_run(memory, i);
        uint64_t end = run->address + run->pages * page_bytes, before;
        if (run->kind != FY_MEMORY_STORED || address >= end) {
            count_missing(search, run);
            i++;
            continue;
        }
        before = address = address > run->address ? address : run->address;
        if (lead_through(search, memory, &address, &is_fatal, err) < 0 || address == before)
            i++;
    }
    return is_fatal || (fy_window_finish(&search->window, err) < 0);
}

/* True: the whole search is to end with `err`. */
static bool search_memory(struct search *search, int dir_fd, struct fy_error *err)
{
    struct fy_memory *memory = NULL;
    struct fy_error trouble = FY_ERROR_INIT;
    bool is_fatal = false;
    const char *whose = search->memory.is_shared ? "shared memory" : "task";
    search->task = search->memory.is_shared ? NULL : find_task(search->explore, search->memory.id);
    if (fy_memory_open(dir_fd, &search->memory, &memory, &trouble) == 0) {
        fy_window_init(&search->window, search->options->pattern, search->options->context_bytes, on_match, search);
        is_fatal = search_runs(search, memory, &trouble);
        fy_error_propagate(&trouble, fy_memory_trouble(memory));
    }
    fy_memory_free(memory);
    if (fy_error_is_set(&trouble))
        (void)fy_error_wrap(&trouble, "%s %" PRIu64, whose, search->memory.id);
    if (is_fatal)
        fy_error_clear(err);
    fy_error_propagate(err, &trouble);
    return is_fatal;
}

/* ---- all of them ---- */

static bool is_wanted(const struct search *search, const struct fy_memory_id *id)
{
    uint32_t pid = search->options->pid;
    if (pid == 0 || (!id->is_shared && id->id == pid))
        return true;
    for (size_t i = fy_shared_views_find(&search->views, id->id);
         id->is_shared && i < search->views.count && search->views.items[i].memory == id->id; i++)
        if (search->views.items[i].pid == pid)
            return true;
    return false;
}

static int search_all(struct search *search, int dir_fd, struct fy_error *err)
{
    FY_AUTO_FREE struct fy_memory_id *ids = NULL;
    size_t count = 0, wanted = 0;
    bool is_over = false;
    if (fy_memory_list(dir_fd, &ids, &count, err) < 0)
        return -1;
    for (size_t i = 0; i < count && !is_over; i++) {
        if (!is_wanted(search, &ids[i]))
            continue;
        wanted++;
        search->memory = ids[i];
        is_over = search_memory(search, dir_fd, err) || search->window.is_over;
    }
    if (fy_error_is_set(err))
        return -1;
    return wanted ? 0 : fy_error_set(err, FY_E_NOT_FOUND, "the set has no memory images of what is to be searched");
}

int fy_search_set(int dir_fd, const struct fy_explore *explore, const struct fy_search_options *options,
                  fy_search_fn *on_hit, void *data, struct fy_search_summary *summary, struct fy_error *err)
{
    struct fy_error trouble = FY_ERROR_INIT;
    if (options->pid && !find_task(explore, options->pid))
        return fy_error_set(err, FY_E_NOT_FOUND, "the set has no task %" PRIu32, options->pid);
    struct search *search = calloc(1, sizeof(*search));
    if (!search)
        return fy_error_set(err, FY_E_NOMEM, "no memory for a search");
    search->explore = explore;
    search->options = options;
    search->on_hit = on_hit;
    search->data = data;
    int status = fy_shared_views_make(dir_fd, explore, &search->views, &trouble);
    if (status == 0)
        status = search_all(search, dir_fd, &trouble);
    *summary = search->summary;
    fy_error_propagate(err, &trouble);
    free(search->views.items);
    free(search);
    return status;
}
