/* `ferry image x DIR rss`: which pages of every task the set has, and in which mappings they lie. */
#include "explore_print.h"

#include <ferry/base/cleanup.h>
#include <inttypes.h>
#include <stdio.h>

/* ---- crit's list: each run of pages, and beside it the mappings that it touches ---- */

struct lister {
    struct explore_print *print;
    const struct fy_explore_task *task;
    size_t next;    /* mapping to look at */
    size_t printed; /* the last one that was printed in full, + 1 */
};

static void print_mapping(const struct lister *lister, const struct fy_explore_mapping *mapping)
{
    FY_AUTO_FREE char *file = explore_mapped_file(lister->print, mapping);
    uint64_t bytes = mapping->end > mapping->start ? mapping->end - mapping->start : 0;

    (void)printf(" %08" PRIx64 " / %-8" PRIu64 "%s%s", mapping->start, bytes / lister->task->page_bytes,
                 file && file[0] ? " " : "", file ? file : "");
}

static int print_pages(void *data, const struct fy_explore_pages *pages, struct fy_error *err)
{
    struct lister *lister = data;
    const struct fy_explore_task *task = lister->task;
    uint64_t bytes, end;
    char left[64];
    size_t first;

    (void)err;
    (void)snprintf(left, sizeof(left), "\t%" PRIx64 " / %-8" PRIu64, pages->address, pages->pages);
    (void)printf("%-24s", left);
    if (__builtin_mul_overflow(pages->pages, task->page_bytes, &bytes) ||
        __builtin_add_overflow(pages->address, bytes, &end))
        end = UINT64_MAX;
    while (lister->next < task->mapping_count && task->mappings[lister->next].end <= pages->address)
        lister->next++;
    for (first = lister->next; lister->next < task->mapping_count && task->mappings[lister->next].start < end;
         lister->next++) {
        if (lister->next + 1 == lister->printed)
            (void)printf(" ~");
        else
            print_mapping(lister, &task->mappings[lister->next]);
        lister->printed = lister->next + 1;
        (void)printf("\n\t%23s", "");
    }
    /* The last one may go on in the next run. */
    if (lister->next > first)
        lister->next--;
    (void)printf("\n");
    return 0;
}

static void list_pages(struct explore_print *print, const struct fy_explore_task *task)
{
    struct lister lister = {.print = print, .task = task};
    struct fy_error err = FY_ERROR_INIT;

    if (fy_explore_each_pages(print->set, task->pid, print_pages, &lister, &err) < 0)
        explore_say(print, err.message);
}

/* ---- sums by mapping ---- */

static struct fy_explore_resident *sum_up(struct explore_print *print, const struct fy_explore_task *task,
                                          struct fy_explore_resident *outside)
{
    struct fy_explore_resident *sums = calloc(task->mapping_count + 1, sizeof(*sums));
    struct fy_error err = FY_ERROR_INIT;

    if (!sums)
        explore_say(print, "no memory");
    else if (fy_explore_residents(print->set, task, sums, outside, &err) < 0)
        explore_say(print, err.message);
    return sums;
}

static bool is_empty(const struct fy_explore_resident *sum)
{
    return sum->stored_pages + sum->parent_pages + sum->lazy_pages == 0;
}

static void add(struct fy_explore_resident *to, const struct fy_explore_resident *what)
{
    to->stored_pages += what->stored_pages;
    to->parent_pages += what->parent_pages;
    to->lazy_pages += what->lazy_pages;
}

static void print_sum(const char *range, uint64_t pages, const struct fy_explore_resident *sum, const char *name)
{
    (void)printf("\t%-36s%10" PRIu64 "%10" PRIu64 "%10" PRIu64 "%10" PRIu64 "%s%s\n", range, pages, sum->stored_pages,
                 sum->parent_pages, sum->lazy_pages, name && name[0] ? " " : "", name ? name : "");
}

static void print_sums(struct explore_print *print, const struct fy_explore_task *task)
{
    struct fy_explore_resident outside = {0}, total = {0};
    FY_AUTO_FREE struct fy_explore_resident *sums = sum_up(print, task, &outside);
    uint64_t pages = 0;

    (void)printf("\t%-36s%10s%10s%10s%10s\n", "PAGES OF", "ALL", "STORED", "PARENT", "LAZY");
    for (size_t i = 0; sums && i < task->mapping_count; i++) {
        const struct fy_explore_mapping *mapping = &task->mappings[i];
        FY_AUTO_FREE char *name = explore_mapping_name(print, mapping);
        uint64_t size = mapping->end > mapping->start ? (mapping->end - mapping->start) / task->page_bytes : 0;
        char range[48];
        (void)snprintf(range, sizeof(range), "%08" PRIx64 "-%08" PRIx64, mapping->start, mapping->end);
        print_sum(range, size, &sums[i], name);
        add(&total, &sums[i]);
        pages += size;
    }
    if (!is_empty(&outside)) {
        print_sum("outside of all mappings", 0, &outside, NULL);
        add(&total, &outside);
    }
    print_sum("total", pages, &total, NULL);
}

static void print_task(struct explore_print *print, const struct fy_explore_task *task)
{
    if (task->state == FY_TASK_ZOMBIE)
        (void)printf("\t(zombie)\n");
    else if (print->is_long)
        print_sums(print, task);
    else
        list_pages(print, task);
}

/* ---- JSON ---- */

static void json_resident(struct fy_json *json, const struct fy_explore_resident *sum)
{
    fy_json_uint(json, "stored_pages", sum->stored_pages);
    fy_json_uint(json, "parent_pages", sum->parent_pages);
    fy_json_uint(json, "lazy_pages", sum->lazy_pages);
}

static void json_mapping(struct explore_print *print, const struct fy_explore_mapping *mapping,
                         const struct fy_explore_resident *sum)
{
    FY_AUTO_FREE char *name = explore_mapping_name(print, mapping);

    fy_json_open_object(print->json, NULL);
    explore_json_hex(print->json, "start", mapping->start);
    explore_json_hex(print->json, "end", mapping->end);
    fy_json_string(print->json, "name", name && name[0] ? name : NULL);
    json_resident(print->json, sum);
    fy_json_close_object(print->json);
}

static int json_pages(void *data, const struct fy_explore_pages *pages, struct fy_error *err)
{
    struct fy_json *json = data;

    (void)err;
    fy_json_open_object(json, NULL);
    explore_json_hex(json, "address", pages->address);
    fy_json_uint(json, "pages", pages->pages);
    fy_json_bool(json, "stored", pages->is_stored);
    fy_json_bool(json, "in_parent", pages->is_in_parent);
    fy_json_bool(json, "lazy", pages->is_lazy);
    fy_json_close_object(json);
    return 0;
}

static void json_memory(struct explore_print *print, const struct fy_explore_task *task)
{
    struct fy_json *json = print->json;
    struct fy_explore_resident outside = {0}, total = {0};
    FY_AUTO_FREE struct fy_explore_resident *sums = sum_up(print, task, &outside);

    fy_json_uint(json, "page_bytes", task->page_bytes);
    fy_json_open_array(json, "mappings");
    for (size_t i = 0; sums && i < task->mapping_count; i++) {
        json_mapping(print, &task->mappings[i], &sums[i]);
        add(&total, &sums[i]);
    }
    fy_json_close_array(json);
    fy_json_open_object(json, "outside");
    json_resident(json, &outside);
    fy_json_close_object(json);
    add(&total, &outside);
    fy_json_open_object(json, "total");
    json_resident(json, &total);
    fy_json_close_object(json);
    /* What is wrong with the pagemap was said when it was summed up. */
    fy_json_open_array(json, "runs");
    (void)fy_explore_each_pages(print->set, task->pid, json_pages, json, NULL);
    fy_json_close_array(json);
}

static void json_task(struct explore_print *print, const struct fy_explore_task *task)
{
    if (task->state != FY_TASK_ZOMBIE)
        json_memory(print, task);
}

void explore_rss(struct explore_print *print)
{
    explore_tasks(print, print_task, json_task);
}
