/* Reading and writing pagemap images. */
#include <ferry/imgcore/page_table.h>

#include <criu/pagemap.pb-c.h>
#include <errno.h>
#include <ferry/base/cleanup.h>
#include <ferry/imgcore/image.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "vector.h"

/* ---- reading ---- */

static uint32_t flags_of(const PagemapEntry *entry)
{
    uint32_t flags = entry->has_flags ? entry->flags : 0;
    if (entry->in_parent)
        return flags | FY_PAGES_PARENT;
    return entry->has_flags ? flags : FY_PAGES_PRESENT;
}

static int check_run(const struct fy_page_table *table, const struct fy_page_run *run, const char *name,
                     const struct fy_image_entry *entry, struct fy_error *err)
{
    const uint32_t known = FY_PAGES_PARENT | FY_PAGES_LAZY | FY_PAGES_PRESENT;
    const struct fy_page_run *last = table->count ? &table->runs[table->count - 1] : NULL;
    if ((run->flags & ~known) != 0 || entry->message->n_unknown_fields > 0)
        return fy_error_set(err, FY_E_UNSUPPORTED, "%s: entry %" PRIu64 " describes compressed pages", name,
                            entry->number);
    /* The smallest page there is: exact borders are judged by whoever knows the size of pages. */
    if (run->pages == 0 || run->pages > UINT64_MAX / 2 / 4096 ||
        (last && run->address < last->address + last->pages * 4096))
        return fy_error_set(err, FY_E_FORMAT, "%s: entry %" PRIu64 " has no pages, or lies not above the one before",
                            name, entry->number);
    return 0;
}

static int add_entry(struct fy_page_table *table, const char *name, const struct fy_image_entry *entry,
                     struct fy_error *err)
{
    const PagemapEntry *said = (const PagemapEntry *)entry->message;
    struct fy_page_run run = {.address = said->vaddr,
                              .pages = said->has_nr_pages ? said->nr_pages : said->compat_nr_pages,
                              .flags = flags_of(said),
                              .offset_pages = table->stored_pages};
    if (entry->number == 1)
        table->old_count = !said->has_nr_pages;
    if (check_run(table, &run, name, entry, err) < 0)
        return -1;
    uint64_t *sum = run.flags & FY_PAGES_PRESENT ? &table->stored_pages : &table->parent_pages;
    if ((run.flags & (FY_PAGES_PRESENT | FY_PAGES_PARENT)) &&
        (__builtin_add_overflow(*sum, run.pages, sum) || *sum > UINT64_MAX / 2 / 65536))
        return fy_error_set(err, FY_E_FORMAT, "%s: has more pages than a file can hold", name);
    struct {
        struct fy_page_run *items;
        size_t count, capacity;
    } list = {table->runs, table->count, table->capacity};
    int result = vector_push(&list, err, run);
    table->runs = list.items;
    table->count = list.count;
    table->capacity = list.capacity;
    return result;
}

static int read_framing(int fd, const char *name, const struct fy_image *image, struct fy_page_table *table,
                        struct fy_error *err)
{
    table->framing_bytes = fy_image_framing(image) == FY_FRAMING_V1_0 ? 4 : 8;
    if (pread(fd, table->framing, table->framing_bytes, 0) != (ssize_t)table->framing_bytes)
        return fy_error_errno(err, errno, "reading %s", name);
    return 0;
}

int fy_page_table_read(int fd, const char *name, struct fy_page_table *table, struct fy_error *err)
{
    struct fy_image *image = NULL;
    struct fy_image_entry entry;
    *table = (struct fy_page_table){0};
    if (fy_image_open_fd(fd, name, NULL, &image, err) < 0)
        return -1;
    int result = read_framing(fd, name, image, table, err);
    if (result == 0 && fy_image_type(image)->kind != FY_IMAGE_PAGEMAP &&
        fy_image_type(image)->kind != FY_IMAGE_PAGEMAP_SHMEM)
        result = fy_error_set(err, FY_E_FORMAT, "%s is no pagemap image", name);
    while (result == 0 && (result = fy_image_next(image, &entry, err)) > 0) {
        result = 0;
        if (entry.number == 0)
            table->pages_id = ((const PagemapHead *)entry.message)->pages_id;
        else
            result = add_entry(table, name, &entry, err);
    }
    fy_image_free(image);
    return result;
}

/* ---- making ---- */

void fy_page_table_init(struct fy_page_table *table, const struct fy_page_table *like)
{
    *table = (struct fy_page_table){
        .pages_id = like->pages_id, .framing_bytes = like->framing_bytes, .old_count = like->old_count};
    memcpy(table->framing, like->framing, sizeof table->framing);
}

int fy_page_table_add(struct fy_page_table *table, uint64_t address, uint64_t pages, uint32_t flags,
                      uint32_t page_bytes, struct fy_error *err)
{
    struct fy_page_run *last = table->count ? &table->runs[table->count - 1] : NULL;
    if (last && last->flags == flags && last->address + last->pages * page_bytes == address) {
        last->pages += pages;
    } else {
        if (table->count == table->capacity &&
            vector_grow((void **)&table->runs, &table->capacity, sizeof *table->runs, err) < 0)
            return -1;
        table->runs[table->count++] = (struct fy_page_run){address, pages, flags, table->stored_pages};
    }
    *(flags & FY_PAGES_PRESENT ? &table->stored_pages : &table->parent_pages) += pages;
    return 0;
}

static int write_message(struct fy_buf *out, const ProtobufCMessage *message, struct fy_error *err)
{
    uint32_t size = (uint32_t)protobuf_c_message_get_packed_size(message);
    if (fy_buf_append(out, &size, sizeof size, err) < 0 || fy_buf_reserve(out, size, err) < 0)
        return -1;
    out->size += protobuf_c_message_pack(message, out->data + out->size);
    return 0;
}

int fy_page_table_write(const struct fy_page_table *table, struct fy_buf *out, struct fy_error *err)
{
    PagemapHead head = PAGEMAP_HEAD__INIT;
    head.pages_id = table->pages_id;
    if (fy_buf_append(out, table->framing, table->framing_bytes, err) < 0 || write_message(out, &head.base, err) < 0)
        return -1;
    for (size_t i = 0; i < table->count; i++) {
        const struct fy_page_run *run = &table->runs[i];
        PagemapEntry entry = PAGEMAP_ENTRY__INIT;
        entry.vaddr = run->address;
        if (table->old_count && run->pages > UINT32_MAX)
            return fy_error_set(err, FY_E_LIMIT, "a run of %" PRIu64 " pages is too long for CRIU 4.1", run->pages);
        entry.compat_nr_pages = table->old_count ? (uint32_t)run->pages : 0;
        entry.has_nr_pages = !table->old_count;
        entry.nr_pages = run->pages;
        entry.has_flags = true;
        entry.flags = run->flags;
        if (write_message(out, &entry.base, err) < 0)
            return -1;
    }
    return 0;
}

size_t fy_page_table_find(const struct fy_page_table *table, uint64_t address, uint32_t page_bytes)
{
    size_t low = 0, high = table->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct fy_page_run *run = &table->runs[middle];
        if (run->address + run->pages * page_bytes > address)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

void fy_page_table_done(struct fy_page_table *table)
{
    free(table->runs);
    *table = (struct fy_page_table){0};
}
