/* Pages of a task by mapping. Both lists ascend in a whole set, so one walk over the two is enough; where they do not,
 * pages are counted as outside. */
#include "model.h"
#include "page_bytes.h"

struct counter {
    const struct fy_explore_task *task;
    struct fy_explore_resident *residents, *outside;
    size_t mapping; /* the first that may still have pages */
};

static void add(struct fy_explore_resident *to, const struct fy_explore_pages *what, uint64_t pages)
{
    uint64_t *sum = what->is_in_parent ? &to->parent_pages : what->is_stored ? &to->stored_pages : &to->lazy_pages;

    *sum += pages;
}

static int count_pages(void *data, const struct fy_explore_pages *pages, struct fy_error *err)
{
    struct counter *counter = data;
    const struct fy_explore_task *task = counter->task;
    uint64_t bytes, end, inside = 0;

    (void)err;
    if (__builtin_mul_overflow(pages->pages, task->page_bytes, &bytes) ||
        __builtin_add_overflow(pages->address, bytes, &end))
        end = UINT64_MAX;
    while (counter->mapping < task->mapping_count && task->mappings[counter->mapping].end <= pages->address)
        counter->mapping++;
    while (counter->mapping < task->mapping_count && task->mappings[counter->mapping].start < end) {
        const struct fy_explore_mapping *mapping = &task->mappings[counter->mapping];
        uint64_t from = mapping->start > pages->address ? mapping->start : pages->address;
        uint64_t to = mapping->end < end ? mapping->end : end;
        uint64_t part = to > from ? (to - from) / task->page_bytes : 0;
        add(&counter->residents[counter->mapping], pages, part);
        inside += part;
        if (mapping->end > end)
            break;
        counter->mapping++;
    }
    add(counter->outside, pages, pages->pages > inside ? pages->pages - inside : 0);
    return 0;
}

int fy_explore_residents(const struct fy_explore *explore, const struct fy_explore_task *task,
                         struct fy_explore_resident *residents, struct fy_explore_resident *outside,
                         struct fy_error *err)
{
    struct counter counter = {.task = task, .residents = residents, .outside = outside};

    *outside = (struct fy_explore_resident){0};
    for (size_t i = 0; i < task->mapping_count; i++)
        residents[i] = (struct fy_explore_resident){0};
    return fy_explore_each_pages(explore, task->pid, count_pages, &counter, err);
}
