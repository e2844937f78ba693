/* Numbers for shared memory: the same number, the same memory, in whichever task it is mapped. */
#include "model.h"

struct shared_object {
    uint64_t id;
    uint32_t order; /* in which mappings show it first; then its number */
};

typedef VECTOR(struct shared_object) shared_list;

static int compare_ids(const void *left, const void *right)
{
    const struct shared_object *a = left, *b = right;

    if (a->id != b->id)
        return a->id < b->id ? -1 : 1;
    return (a->order > b->order) - (a->order < b->order);
}

static int compare_orders(const void *left, const void *right)
{
    const struct shared_object *a = left, *b = right;

    return (a->order > b->order) - (a->order < b->order);
}

static bool is_shared(const struct fy_explore_mapping *mapping)
{
    return mapping->status & (FY_MAPPING_SYSV | FY_MAPPING_ANON_SHARED | FY_MAPPING_SOCKET);
}

static int collect_shared(const struct fy_explore *explore, shared_list *list, struct fy_error *err)
{
    for (size_t i = 0; i < explore->tasks.count; i++) {
        const struct fy_explore_task *task = &explore->tasks.items[i];
        for (size_t j = 0; j < task->mapping_count; j++)
            if (is_shared(&task->mappings[j]) &&
                vector_push(list, err, (struct shared_object){task->mappings[j].object, (uint32_t)list->count}) < 0)
                return -1;
    }
    return 0;
}

/* Leaves one of each id, with its number as `order`; sorted by id. */
static void number_list(shared_list *list)
{
    size_t kept = 0;

    vector_sort(list, compare_ids);
    for (size_t i = 0; i < list->count; i++)
        if (i == 0 || list->items[i].id != list->items[i - 1].id)
            list->items[kept++] = list->items[i];
    list->count = kept;
    vector_sort(list, compare_orders);
    for (size_t i = 0; i < kept; i++)
        list->items[i].order = (uint32_t)i + 1;
    vector_sort(list, compare_ids);
}

static uint32_t number_of(const shared_list *list, uint64_t id)
{
    size_t low = 0, high = list->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (list->items[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return list->items[low].order;
}

int fy_explore_number_shared(struct fy_explore *explore, struct fy_error *err)
{
    shared_list list = {0};

    if (collect_shared(explore, &list, err) < 0) {
        free(list.items);
        return -1;
    }
    number_list(&list);
    for (size_t i = 0; i < explore->tasks.count; i++) {
        struct fy_explore_task *task = &explore->tasks.items[i];
        struct fy_explore_mapping *mappings = (struct fy_explore_mapping *)task->mappings;
        for (size_t j = 0; j < task->mapping_count; j++)
            if (is_shared(&mappings[j]))
                mappings[j].shared_by_number = number_of(&list, mappings[j].object);
    }
    free(list.items);
    return 0;
}
