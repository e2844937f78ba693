/* One level, file by file. Pages are written when their pagemap's turn comes. */
#include "level.h"

#include <errno.h>
#include <ferry/base/cleanup.h>
#include <ferry/imgcore/catalogue.h>
#include <ferry/imgcore/delta.h>
#include <string.h>

#define COPY_BYTES ((size_t)1 << 20)
#define PAGEMAP_LIMIT_BYTES ((uint64_t)1 << 30)

struct writing {
    int dir_fd;
    const struct level_source *source;
    struct view *before;
    const struct pack_form *form;
    struct fy_checkpoint_progress *progress;
    Ferry__Checkpoint__Record *record;
    bool *written; /* by index */
    uint8_t *buffer;
};

/* ---- files as they are ---- */

static int add_file(Ferry__Checkpoint__Record *record, Ferry__Checkpoint__File **file, struct fy_error *err)
{
    Ferry__Checkpoint__File **files = reallocarray(record->files, record->n_files + 1, sizeof(*files));
    *file = malloc(sizeof **file);
    if (files)
        record->files = files;
    if (!files || !*file) {
        free(*file);
        return fy_error_set(err, FY_E_NOMEM, "no memory for a checkpoint's list of files");
    }
    ferry__checkpoint__file__init(*file);
    return 0;
}

/* Takes the file's description into the record once it is written. */
static int finish(struct writing *writing, struct pack_writer *writer, struct fy_error *err)
{
    Ferry__Checkpoint__File *file;
    if (add_file(writing->record, &file, err) < 0) {
        pack_abort(writer);
        return -1;
    }
    if (pack_finish(writer, file, err) < 0) {
        free(file);
        return -1;
    }
    writing->record->files[writing->record->n_files++] = file;
    return 0;
}

static int copy_file(struct writing *writing, size_t index, const char *path, struct fy_error *err)
{
    const struct level_source *source = writing->source;
    uint64_t size = source->get(source->data, index).size_bytes;
    struct pack_writer *writer;
    if (pack_create(writing->dir_fd, path, writing->form, &writer, err) < 0)
        return -1;
    for (uint64_t at = 0; at < size;) {
        size_t piece = size - at < COPY_BYTES ? (size_t)(size - at) : COPY_BYTES;
        if (source->read(source->data, index, at, writing->buffer, piece, err) < 0 ||
            pack_write(writer, writing->buffer, piece, err) < 0 || store_advance(writing->progress, piece, err) < 0) {
            pack_abort(writer);
            return -1;
        }
        at += piece;
    }
    return finish(writing, writer, err);
}

static int write_bytes(struct writing *writing, const char *path, const struct fy_buf *content, struct fy_error *err)
{
    struct pack_writer *writer;
    if (pack_create(writing->dir_fd, path, writing->form, &writer, err) < 0)
        return -1;
    if (pack_write(writer, content->data, content->size, err) < 0) {
        pack_abort(writer);
        return -1;
    }
    return finish(writing, writer, err);
}

/* ---- memory ---- */

struct side {
    struct writing *writing;
    size_t index;
};

static int read_now(void *data, uint64_t offset, void *buffer, size_t size, struct fy_error *err)
{
    const struct side *side = data;
    const struct level_source *source = side->writing->source;
    if (store_advance(side->writing->progress, size, err) < 0)
        return -1;
    return source->read(source->data, side->index, offset, buffer, size, err);
}

static int read_before(void *data, uint64_t offset, void *buffer, size_t size, struct fy_error *err)
{
    const struct side *side = data;
    return view_read(side->writing->before, side->index, offset, buffer, size, err);
}

static int write_pages(void *data, const void *bytes, size_t size, struct fy_error *err)
{
    return pack_write(data, bytes, size, err);
}

static ptrdiff_t find_source(const struct level_source *source, const char *name)
{
    for (size_t i = 0; i < source->count; i++) {
        struct view_file file = source->get(source->data, i);
        if (!file.is_extra && strcmp(file.name, name) == 0)
            return (ptrdiff_t)i;
    }
    return -1;
}

static void pages_name(uint32_t pages_id, char name[64])
{
    (void)snprintf(name, 64, "pages-%u.img", pages_id);
}

/* The same pagemap of the checkpoint before, whole; *index is its pages file, or -1 when there is no such thing. */
static int find_before(struct writing *writing, const char *pagemap, struct fy_page_table *table, ptrdiff_t *index,
                       struct fy_error *err)
{
    char name[64];
    FY_AUTO_CLOSE int fd = -1;
    ptrdiff_t at = writing->before ? view_find(writing->before, pagemap) : -1;
    *index = -1;
    *table = (struct fy_page_table){0};
    if (at < 0 || view_page_bytes(writing->before) != writing->record->page_bytes)
        return 0;
    if (view_copy(writing->before, (size_t)at, PAGEMAP_LIMIT_BYTES, &fd, err) < 0 ||
        fy_page_table_read(fd, pagemap, table, err) < 0)
        return -1;
    pages_name(table->pages_id, name);
    ptrdiff_t pages = view_find(writing->before, name);
    if (pages >= 0 && view_get(writing->before, (size_t)pages).is_pages)
        *index = pages;
    return 0;
}

static int write_delta(struct writing *writing, const struct fy_page_table *now, size_t pages_index,
                       const char *pagemap, struct fy_page_table *made, struct fy_error *err)
{
    char path[300];
    ptrdiff_t before_index;
    struct fy_page_table before;
    struct pack_writer *writer = NULL;
    int result = find_before(writing, pagemap, &before, &before_index, err);
    (void)snprintf(path, sizeof path, "images/pages-%u.img", now->pages_id);
    if (result == 0)
        result = pack_create(writing->dir_fd, path, writing->form, &writer, err);
    if (result == 0) {
        struct side now_side = {writing, pages_index};
        struct side before_side = {writing, before_index < 0 ? 0 : (size_t)before_index};
        const struct fy_delta_side now_pages = {now, read_now, &now_side};
        const struct fy_delta_side before_pages = {&before, read_before, &before_side};
        result = fy_delta_make(&now_pages, before_index < 0 ? NULL : &before_pages, writing->record->page_bytes,
                               write_pages, writer, made, err);
        if (result == 0)
            result = finish(writing, fy_take(writer), err);
        pack_abort(writer);
    }
    fy_page_table_done(&before);
    return result;
}

/* The pagemap as it is for this level; as it was, beside it, if that is another. */
static int write_pagemap(struct writing *writing, size_t index, const char *pagemap, const struct fy_page_table *made,
                         struct fy_error *err)
{
    char path[300];
    struct fy_buf content;
    (void)snprintf(path, sizeof path, "%s/%s", made->parent_pages ? "original" : "images", pagemap);
    if (copy_file(writing, index, path, err) < 0)
        return -1;
    if (!made->parent_pages)
        return 0;
    (void)snprintf(path, sizeof path, "images/%s", pagemap);
    fy_buf_init(&content, 0);
    int result = fy_page_table_write(made, &content, err);
    if (result == 0)
        result = write_bytes(writing, path, &content, err);
    fy_buf_done(&content);
    return result;
}

static int write_memory(struct writing *writing, size_t index, const char *pagemap, struct fy_error *err)
{
    char name[64];
    FY_AUTO_CLOSE int fd = -1;
    struct fy_page_table now = {0}, made = {0};
    const struct level_source *source = writing->source;
    int result = source->copy(source->data, index, &fd, err);
    if (result == 0)
        result = fy_page_table_read(fd, pagemap, &now, err);
    pages_name(now.pages_id, name);
    ptrdiff_t pages = result == 0 ? find_source(source, name) : -1;
    if (result == 0 && pages < 0)
        result = fy_error_set(err, FY_E_VERIFY, "%s has no %s", pagemap, name);
    else if (result == 0 && writing->written[pages])
        result = fy_error_set(err, FY_E_UNSUPPORTED, "%s belongs to two pagemaps", name);
    if (result == 0)
        result = write_delta(writing, &now, (size_t)pages, pagemap, &made, err);
    if (result == 0)
        result = write_pagemap(writing, index, pagemap, &made, err);
    if (result == 0)
        writing->written[pages] = writing->written[index] = true;
    fy_page_table_done(&now);
    fy_page_table_done(&made);
    return result;
}

/* ---- all ---- */

static bool is_pagemap(const struct view_file *file)
{
    const struct fy_image_type *type = file->is_extra ? NULL : fy_catalogue_find(file->name, NULL);
    return type && (type->kind == FY_IMAGE_PAGEMAP || type->kind == FY_IMAGE_PAGEMAP_SHMEM);
}

static int write_rest(struct writing *writing, size_t index, const struct view_file *file, struct fy_error *err)
{
    char path[300];
    const char *folder = file->is_extra ? "extra/" : strcmp(file->name, "ferry.manifest") == 0 ? "" : "images/";
    (void)snprintf(path, sizeof path, "%s%s", folder, file->name);
    return copy_file(writing, index, path, err);
}

static int write_all(struct writing *writing, struct fy_error *err)
{
    const struct level_source *source = writing->source;
    for (size_t i = 0; i < source->count; i++) {
        struct view_file file = source->get(source->data, i);
        if (is_pagemap(&file) && write_memory(writing, i, file.name, err) < 0)
            return -1;
    }
    for (size_t i = 0; i < source->count; i++) {
        struct view_file file = source->get(source->data, i);
        if (!writing->written[i] && write_rest(writing, i, &file, err) < 0)
            return -1;
    }
    return 0;
}

int level_write(int dir_fd, const struct level_source *source, struct view *before, const struct pack_form *form,
                struct fy_checkpoint_progress *progress, Ferry__Checkpoint__Record *record, struct fy_error *err)
{
    FY_AUTO_FREE bool *written = calloc(source->count + 1, sizeof(*written));
    FY_AUTO_FREE uint8_t *buffer = malloc(COPY_BYTES);
    if (!written || !buffer)
        return fy_error_set(err, FY_E_NOMEM, "no memory for writing a checkpoint");
    struct writing writing = {.dir_fd = dir_fd,
                              .source = source,
                              .before = before,
                              .form = form,
                              .progress = progress,
                              .record = record,
                              .written = written,
                              .buffer = buffer};
    return write_all(&writing, err);
}
