/* The pages of a task as its pagemap states them, entry by entry. */
#include "model.h"
#include "pagemap.h"

int fy_explore_each_pages(const struct fy_explore *explore, uint32_t pid, fy_explore_pages_visit *visit, void *data,
                          struct fy_error *err)
{
    const struct fy_memory_id id = {.id = pid};
    char name[PAGEMAP_NAME_SIZE];
    struct fy_image *image = NULL;
    struct fy_image_entry entry;
    int result;

    fy_pagemap_name(&id, name);
    if (fy_image_open(explore->dir_fd, name, NULL, &image, err) < 0)
        return -1;
    while ((result = fy_image_next(image, &entry, err)) > 0) {
        const PagemapEntry *said = (const PagemapEntry *)entry.message;
        if (entry.number == 0)
            continue;
        uint32_t flags = fy_pagemap_flags(said);
        struct fy_explore_pages pages = {.address = said->vaddr,
                                         .pages = fy_pagemap_count(said),
                                         .is_stored = flags & PAGE_PRESENT,
                                         .is_in_parent = flags & PAGE_PARENT,
                                         .is_lazy = flags & PAGE_LAZY};
        if ((result = visit(data, &pages, err)) != 0)
            break;
    }
    fy_image_free(image);
    return result;
}
