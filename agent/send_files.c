/* Files of a set that grows. */
#include "send_files.h"

#include "block.h"

#include <ferry/base/cleanup.h>
#include <stdlib.h>
#include <string.h>

static struct fy_send_file *new_file(const char *name, uint32_t number)
{
    struct fy_send_file *file = calloc(1, sizeof *file);
    if (file)
        file->name = strdup(name);
    if (!file || !file->name) {
        free(file);
        return NULL;
    }
    file->number = number;
    return file;
}

static int grow(struct fy_send_file *file, uint64_t size_bytes, struct fy_error *err)
{
    if (size_bytes < file->size_bytes)
        return fy_error_set(err, FY_E_IO, "image %s became shorter while it was sent", file->name);
    file->size_bytes = size_bytes;
    return 0;
}

/* Both lists are in order of name. Files that are known and not found are gone; `merged` has room for all found. */
static int merge(struct fy_send_files *files, const struct fy_image_files *found, struct fy_send_file **merged,
                 struct fy_error *err)
{
    size_t known = 0;
    uint32_t number = (uint32_t)files->count;
    for (size_t i = 0; i < found->count; i++) {
        const struct fy_image_file *item = &found->items[i];
        bool is_known = known < files->count && strcmp(files->items[known]->name, item->name) == 0;
        merged[i] = is_known ? files->items[known++] : new_file(item->name, number++);
        if (!merged[i])
            return fy_error_set(err, FY_E_NOMEM, "no memory for the list of image files");
        if (grow(merged[i], item->size_bytes, err) < 0)
            return -1;
    }
    if (known < files->count)
        return fy_error_set(err, FY_E_IO, "image %s is gone", files->items[known]->name);
    return 0;
}

static bool was_known(const struct fy_send_files *files, const struct fy_send_file *file)
{
    return file->number < files->count;
}

int fy_send_files_update(struct fy_send_files *files, const struct fy_image_files *found, bool final,
                         struct fy_error *err)
{
    struct fy_send_file **merged = calloc(found->count ? found->count : 1, sizeof(struct fy_send_file *));
    if (!merged)
        return fy_error_set(err, FY_E_NOMEM, "no memory for the list of image files");
    if (merge(files, found, merged, err) < 0) {
        for (size_t i = 0; i < found->count && merged[i]; i++) {
            if (was_known(files, merged[i]))
                continue;
            free(merged[i]->name);
            free(merged[i]);
        }
        free(merged);
        return -1;
    }
    free(files->items);
    files->items = merged;
    files->count = found->count;
    files->total_bytes = found->total_bytes;
    files->cursor = 0;
    files->final = final;
    return 0;
}

static bool has_block(const struct fy_send_files *files, const struct fy_send_file *file)
{
    return files->final ? !file->ended : file->size_bytes - file->next_offset >= FY_BLOCK_BYTES;
}

bool fy_send_files_next(struct fy_send_files *files, struct fy_send_block *block)
{
    while (files->cursor < files->count && !has_block(files, files->items[files->cursor]))
        files->cursor++;
    if (files->cursor == files->count)
        return false;
    struct fy_send_file *file = files->items[files->cursor];
    uint64_t left = file->size_bytes - file->next_offset;
    *block = (struct fy_send_block){
        .file = file,
        .offset = file->next_offset,
        .raw_bytes = left < FY_BLOCK_BYTES ? (uint32_t)left : FY_BLOCK_BYTES,
    };
    file->next_offset += block->raw_bytes;
    file->ended = block->last = files->final && file->next_offset == file->size_bytes;
    return true;
}

void fy_send_files_done(struct fy_send_files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        free(files->items[i]->name);
        free(files->items[i]);
    }
    free(files->items);
    *files = (struct fy_send_files){0};
}
