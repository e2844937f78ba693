/* Putting whole files together. */
#include "view.h"
#include "pack.h"
#include "table_of.h"

#include <errno.h>
#include <ferry/base/cleanup.h>
#include <ferry/imgcore/catalogue.h>
#include <ferry/imgcore/delta.h>
#include <inttypes.h>
#include <string.h>

struct level {
    Ferry__Checkpoint__Record *record;
    int dir_fd;
    struct pack_form form;
};

/* A pages file that is spread over the levels. */
struct spread {
    const char *pagemap; /* name of the pagemap image, the same in each level */
    struct fy_delta_piece *pieces;
    size_t count;
    struct pack_reader **readers; /* one a level, opened when needed */
    struct fy_page_table *tables; /* one a level; only while it is being resolved */
    bool *has_table;
    uint32_t *pages_ids;
};

struct file {
    struct view_file shown;
    const Ferry__Checkpoint__File *stored; /* of level 0 */
    struct pack_reader *reader;            /* of that */
    struct spread *spread;                 /* pages */
};

struct view {
    const struct fy_checkpoint_store *store;
    struct level *levels;
    size_t level_count;
    struct file *files;
    size_t count;
    uint32_t page_bytes;
};

/* ---- closing ---- */

static void free_spread(struct spread *spread, size_t levels)
{
    if (!spread)
        return;
    for (size_t i = 0; i < levels; i++) {
        if (spread->readers)
            pack_close(spread->readers[i]);
        if (spread->tables)
            fy_page_table_done(&spread->tables[i]);
    }
    free(spread->readers);
    free(spread->tables);
    free(spread->has_table);
    free(spread->pages_ids);
    free(spread->pieces);
    free(spread);
}

void view_close(struct view *view)
{
    if (!view)
        return;
    for (size_t i = 0; i < view->count; i++) {
        pack_close(view->files[i].reader);
        free_spread(view->files[i].spread, view->level_count);
    }
    for (size_t i = 0; i < view->level_count; i++) {
        if (view->levels[i].record)
            ferry__checkpoint__record__free_unpacked(view->levels[i].record, NULL);
        if (view->levels[i].dir_fd >= 0)
            (void)close(view->levels[i].dir_fd);
    }
    free(view->files);
    free(view->levels);
    free(view);
}

/* ---- the chain ---- */

static int open_level(struct view *view, const char *id, struct level *level, struct fy_error *err)
{
    *level = (struct level){.dir_fd = -1};
    if (store_open_dir(view->store, id, &level->dir_fd, err) < 0 || record_read(level->dir_fd, &level->record, err) < 0)
        return fy_error_wrap(err, "checkpoint %s", id);
    if (strcmp(level->record->id, id) != 0)
        return fy_error_set(err, FY_E_VERIFY, "checkpoint %s: its record is that of %s", id, level->record->id);
    return 0;
}

/* Depths do not tell: a copy of an older form of the one before may be deeper. */
static bool leads_back(const struct view *view)
{
    const char *last = view->levels[view->level_count - 1].record->id;
    for (size_t i = 0; i + 1 < view->level_count; i++) {
        if (strcmp(view->levels[i].record->id, last) == 0)
            return true;
    }
    return view->level_count > STORE_CHAIN_LIMIT;
}

static int open_chain(struct view *view, const char *id, struct fy_error *err)
{
    const char *next = id;
    while (next) {
        struct level *levels = reallocarray(view->levels, view->level_count + 1, sizeof *levels);
        if (!levels)
            return fy_error_set(err, FY_E_NOMEM, "no memory for checkpoint %s", id);
        view->levels = levels;
        struct level *level = &levels[view->level_count++];
        if (open_level(view, next, level, err) < 0) {
            if (view->level_count > 1)
                fy_error_wrap(err, "checkpoint %s needs %s", id, next);
            return -1;
        }
        if (leads_back(view))
            return fy_error_set(err, FY_E_VERIFY, "checkpoint %s: its chain leads back to itself", id);
        if (pack_form_of(level->record, view->store->options.key, &level->form, err) < 0)
            return -1;
        next = level->record->parent;
    }
    view->page_bytes = view->levels[0].record->has_page_bytes ? view->levels[0].record->page_bytes : 4096;
    return 0;
}

/* ---- files ---- */

static const char *below(const char *path, const char *folder)
{
    size_t length = strlen(folder);
    return strncmp(path, folder, length) == 0 ? path + length : NULL;
}

/* Where the whole content of images/NAME is: in original/, if it was rewritten. */
static const Ferry__Checkpoint__File *whole_of(const struct view *view, const Ferry__Checkpoint__File *stored,
                                               const char *name)
{
    char path[300];
    (void)snprintf(path, sizeof path, "original/%s", name);
    const Ferry__Checkpoint__File *original = record_file(view->levels[0].record, path);
    return original ? original : stored;
}

static int list_files(struct view *view, struct fy_error *err)
{
    const Ferry__Checkpoint__Record *record = view->levels[0].record;
    view->files = calloc(record->n_files + 1, sizeof *view->files);
    if (!view->files)
        return fy_error_set(err, FY_E_NOMEM, "no memory for the files of checkpoint %s", record->id);
    for (size_t i = 0; i < record->n_files; i++) {
        const Ferry__Checkpoint__File *stored = record->files[i];
        const char *image = below(stored->path, "images/"), *extra = below(stored->path, "extra/");
        if (!image && !extra && below(stored->path, "original/"))
            continue;
        struct file *file = &view->files[view->count++];
        file->stored = image ? whole_of(view, stored, image) : stored;
        file->shown = (struct view_file){.name = image   ? image
                                                 : extra ? extra
                                                         : stored->path,
                                         .size_bytes = file->stored->plain_bytes,
                                         .is_extra = extra != NULL};
    }
    return 0;
}

/* ---- pages ---- */

struct resolving {
    struct view *view;
    struct spread *spread;
};

static const struct fy_page_table *level_table(void *data, size_t level, struct fy_error *err)
{
    const struct resolving *resolving = data;
    struct spread *spread = resolving->spread;
    if (level >= resolving->view->level_count)
        return NULL;
    if (!spread->has_table[level]) {
        const struct level *from = &resolving->view->levels[level];
        struct fy_error why = FY_ERROR_INIT;
        if (table_of(from->record, from->dir_fd, &from->form, spread->pagemap, &spread->tables[level], &why) < 0) {
            if (why.code != FY_E_NOT_FOUND)
                fy_error_set(err, FY_E_VERIFY, "checkpoint %s: %s", from->record->id, why.message);
            return NULL;
        }
        spread->has_table[level] = true;
        spread->pages_ids[level] = spread->tables[level].pages_id;
    }
    return &spread->tables[level];
}

static struct file *find_pages(struct view *view, uint32_t pages_id)
{
    char name[64];
    (void)snprintf(name, sizeof name, "pages-%u.img", pages_id);
    ptrdiff_t index = view_find(view, name);
    return index < 0 ? NULL : &view->files[index];
}

static int resolve(struct view *view, struct spread *spread, uint64_t *pages, struct fy_error *err)
{
    size_t levels = view->level_count;
    spread->readers = calloc(levels, sizeof(*spread->readers));
    spread->tables = calloc(levels, sizeof(*spread->tables));
    spread->has_table = calloc(levels, sizeof(*spread->has_table));
    spread->pages_ids = calloc(levels, sizeof(*spread->pages_ids));
    if (!spread->readers || !spread->tables || !spread->has_table || !spread->pages_ids)
        return fy_error_set(err, FY_E_NOMEM, "no memory for %s", spread->pagemap);
    struct resolving resolving = {.view = view, .spread = spread};
    struct fy_error why = FY_ERROR_INIT;
    if (fy_delta_resolve(level_table, &resolving, view->page_bytes, &spread->pieces, &spread->count, &why) < 0)
        return fy_error_set(err, why.code == FY_E_FORMAT ? FY_E_VERIFY : why.code, "checkpoint %s: %s: %s",
                            view->levels[0].record->id, spread->pagemap, why.message);
    const struct fy_delta_piece *last = spread->count ? &spread->pieces[spread->count - 1] : NULL;
    *pages = last ? last->whole_page + last->pages : 0;
    return 0;
}

static int spread_pages(struct view *view, const char *pagemap, struct fy_error *err)
{
    struct spread *spread = calloc(1, sizeof *spread);
    uint64_t pages = 0;
    if (!spread)
        return fy_error_set(err, FY_E_NOMEM, "no memory for %s", pagemap);
    spread->pagemap = pagemap;
    if (resolve(view, spread, &pages, err) < 0) {
        free_spread(spread, view->level_count);
        return -1;
    }
    struct file *file = spread->has_table[0] ? find_pages(view, spread->pages_ids[0]) : NULL;
    for (size_t i = 0; i < view->level_count; i++)
        fy_page_table_done(&spread->tables[i]);
    if (!file || file->spread) { /* a set that is not whole: the rules will say so */
        free_spread(spread, view->level_count);
        return 0;
    }
    file->spread = spread;
    file->shown.is_pages = true;
    file->shown.size_bytes = pages * view->page_bytes;
    return 0;
}

static int spread_all(struct view *view, struct fy_error *err)
{
    for (size_t i = 0; i < view->count; i++) {
        const struct view_file *shown = &view->files[i].shown;
        const struct fy_image_type *type = shown->is_extra ? NULL : fy_catalogue_find(shown->name, NULL);
        if (!type || (type->kind != FY_IMAGE_PAGEMAP && type->kind != FY_IMAGE_PAGEMAP_SHMEM))
            continue;
        if (spread_pages(view, shown->name, err) < 0)
            return -1;
    }
    return 0;
}

int view_open(const struct fy_checkpoint_store *store, const char *id, struct view **view, struct fy_error *err)
{
    struct view *made = calloc(1, sizeof *made);
    if (!made)
        return fy_error_set(err, FY_E_NOMEM, "no memory for checkpoint %s", id);
    made->store = store;
    if (open_chain(made, id, err) < 0 || list_files(made, err) < 0 || spread_all(made, err) < 0) {
        view_close(made);
        return -1;
    }
    *view = made;
    return 0;
}

/* ---- looking ---- */

const Ferry__Checkpoint__Record *view_record(const struct view *view)
{
    return view->levels[0].record;
}

size_t view_levels(const struct view *view)
{
    return view->level_count;
}

const Ferry__Checkpoint__Record *view_level(const struct view *view, size_t level)
{
    return view->levels[level].record;
}

int view_level_dir(const struct view *view, size_t level)
{
    return view->levels[level].dir_fd;
}

uint32_t view_page_bytes(const struct view *view)
{
    return view->page_bytes;
}

size_t view_count(const struct view *view)
{
    return view->count;
}

struct view_file view_get(const struct view *view, size_t index)
{
    return view->files[index].shown;
}

ptrdiff_t view_find(const struct view *view, const char *name)
{
    for (size_t i = 0; i < view->count; i++) {
        if (!view->files[i].shown.is_extra && strcmp(view->files[i].shown.name, name) == 0)
            return (ptrdiff_t)i;
    }
    return -1;
}

/* ---- reading ---- */

static int open_pages(struct view *view, struct spread *spread, size_t level, struct fy_error *err)
{
    char path[64];
    const struct level *from = &view->levels[level];
    if (spread->readers[level])
        return 0;
    (void)snprintf(path, sizeof path, "images/pages-%u.img", spread->pages_ids[level]);
    const Ferry__Checkpoint__File *stored = record_file(from->record, path);
    if (!stored)
        return fy_error_set(err, FY_E_VERIFY, "checkpoint %s has no %s", from->record->id, path);
    return pack_open(from->dir_fd, stored, &from->form, &spread->readers[level], err);
}

static size_t find_piece(const struct spread *spread, uint64_t page)
{
    size_t low = 0, high = spread->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (spread->pieces[middle].whole_page + spread->pieces[middle].pages > page)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static int read_spread(struct view *view, struct spread *spread, uint64_t offset, uint8_t *to, size_t size,
                       struct fy_error *err)
{
    size_t at = find_piece(spread, offset / view->page_bytes);
    for (; size > 0; at++) {
        const struct fy_delta_piece *piece = &spread->pieces[at];
        uint64_t skip = offset - piece->whole_page * view->page_bytes;
        uint64_t room = piece->pages * view->page_bytes - skip;
        size_t part = size < room ? size : (size_t)room;
        if (open_pages(view, spread, piece->level, err) < 0 ||
            pack_read(spread->readers[piece->level], piece->level_page * view->page_bytes + skip, to, part, err) < 0)
            return fy_error_wrap(err, "checkpoint %s", view->levels[piece->level].record->id);
        offset += part;
        to += part;
        size -= part;
    }
    return 0;
}

static int open_stored(struct view *view, struct file *file, struct fy_error *err)
{
    const struct level *level = &view->levels[0];
    return file->reader ? 0 : pack_open(level->dir_fd, file->stored, &level->form, &file->reader, err);
}

int view_read(struct view *view, size_t index, uint64_t offset, void *data, size_t size, struct fy_error *err)
{
    struct file *file = &view->files[index];
    if (offset > file->shown.size_bytes || size > file->shown.size_bytes - offset)
        return fy_error_set(err, FY_E_VERIFY, "checkpoint %s: %s ends before byte %" PRIu64, view_record(view)->id,
                            file->shown.name, offset + size);
    if (file->spread)
        return read_spread(view, file->spread, offset, data, size, err);
    if (open_stored(view, file, err) < 0 || pack_read(file->reader, offset, data, size, err) < 0)
        return fy_error_wrap(err, "checkpoint %s", view_record(view)->id);
    return 0;
}

int view_copy(struct view *view, size_t index, uint64_t limit_bytes, int *fd, struct fy_error *err)
{
    struct file *file = &view->files[index];
    if (file->spread || file->stored->plain_bytes > limit_bytes)
        return fy_error_set(err, FY_E_LIMIT, "checkpoint %s: %s is too large", view_record(view)->id, file->shown.name);
    if (open_stored(view, file, err) < 0 ||
        stored_copy(file->reader, file->stored->plain_bytes, file->shown.name, fd, err) < 0)
        return fy_error_wrap(err, "checkpoint %s", view_record(view)->id);
    return 0;
}
