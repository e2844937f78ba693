/* From bytes of a stored file to pages, and from there to the pagemap that has them. */
#include "whose.h"
#include "pack.h"

#include <ferry/base/cleanup.h>
#include <ferry/imgcore/catalogue.h>
#include <ferry/imgcore/page_table.h>
#include <inttypes.h>
#include <string.h>

#include "table_of.h"

static const char *image_name(const Ferry__Checkpoint__File *file)
{
    return strncmp(file->path, "images/", 7) == 0 ? file->path + 7 : "";
}

static void describe(const struct fy_page_table *table, const char *pagemap, const uint64_t range[2],
                     uint32_t page_bytes, char text[WHOSE_SIZE])
{
    uint64_t first = range[0] / page_bytes, last = (range[1] - 1) / page_bytes, from = 0, to = 0, id = 0;
    const struct fy_image_type *type = fy_catalogue_find(pagemap, &id);
    for (size_t i = 0; i < table->count; i++) {
        const struct fy_page_run *run = &table->runs[i];
        if (!(run->flags & FY_PAGES_PRESENT) || run->offset_pages > last || run->offset_pages + run->pages <= first)
            continue;
        uint64_t skip = first > run->offset_pages ? first - run->offset_pages : 0;
        uint64_t end = last - run->offset_pages + 1 < run->pages ? last - run->offset_pages + 1 : run->pages;
        if (to == 0)
            from = run->address + skip * page_bytes;
        to = run->address + end * page_bytes;
    }
    if (to > 0 && type)
        (void)snprintf(text, WHOSE_SIZE, "memory of %s %" PRIu64 " at %#" PRIx64 " to %#" PRIx64,
                       type->kind == FY_IMAGE_PAGEMAP ? "task" : "shared segment", id, from, to);
}

void whose_memory(const struct whose_place *place, uint64_t stored_offset, uint64_t stored_bytes, char text[WHOSE_SIZE])
{
    uint64_t pages_id = 0, range[2];
    struct pack_form form;
    const Ferry__Checkpoint__Record *record = place->record;
    const struct fy_image_type *type = fy_catalogue_find(image_name(place->file), &pages_id);
    text[0] = '\0';
    if (!type || type->kind != FY_IMAGE_PAGES || pack_form_of(record, place->key, &form, NULL) < 0 ||
        pack_plain_range(place->dir_fd, place->file, &form, stored_offset, stored_bytes, range) < 0)
        return;
    for (size_t i = 0; i < record->n_files && !text[0]; i++) {
        struct fy_page_table table = {0};
        const char *name = image_name(record->files[i]);
        const struct fy_image_type *kind = fy_catalogue_find(name, NULL);
        if (!kind || (kind->kind != FY_IMAGE_PAGEMAP && kind->kind != FY_IMAGE_PAGEMAP_SHMEM))
            continue;
        if (table_of(record, place->dir_fd, &form, name, &table, NULL) == 0 && table.pages_id == pages_id)
            describe(&table, name, range, record->has_page_bytes ? record->page_bytes : 4096, text);
        fy_page_table_done(&table);
    }
}
