/* An image set whose files can be replaced and put back. */
#include "mutate.h"
#include <dirent.h>
#include <fcntl.h>
#include <ferry/base/fs.h>
#include <ferry/imgcore/image.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_BYTES_MAX (64 << 20)

void die(const char *format, ...)
{
    va_list arguments;

    (void)fputs("mutate: ", stderr);
    va_start(arguments, format);
    (void)vfprintf(stderr, format, arguments);
    va_end(arguments);
    (void)fputc('\n', stderr);
    exit(2);
}

static int compare_files(const void *left, const void *right)
{
    return strcmp(((const struct shop_file *)left)->name, ((const struct shop_file *)right)->name);
}

static void add_file(struct shop *shop, const char *name, const struct fy_image_type *type, uint64_t id)
{
    struct fy_error err = FY_ERROR_INIT;
    struct shop_file *file;
    char *data;

    shop->files = realloc(shop->files, (shop->file_count + 1) * sizeof(*shop->files));
    if (!shop->files)
        die("no memory");
    file = &shop->files[shop->file_count++];
    *file = (struct shop_file){.type = type, .id = id};
    (void)snprintf(file->name, sizeof(file->name), "%.63s", name);
    if (fy_fs_read_file_at(shop->fd, name, FILE_BYTES_MAX, &data, &file->whole.size, &err) < 0)
        die("%s: %s", shop->path, err.message);
    file->whole.data = (uint8_t *)data;
}

void shop_open(struct shop *shop, const char *path)
{
    struct dirent *entry;
    uint64_t id;
    DIR *dir;

    *shop = (struct shop){.path = path, .fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    dir = opendir(path);
    if (!dir || shop->fd < 0)
        die("%s cannot be opened", path);
    while ((entry = readdir(dir)) != NULL) {
        const struct fy_image_type *type = fy_catalogue_find(entry->d_name, &id);
        if (type)
            add_file(shop, entry->d_name, type, id);
    }
    (void)closedir(dir);
    qsort(shop->files, shop->file_count, sizeof(*shop->files), compare_files);
}

void shop_close(struct shop *shop)
{
    for (size_t i = 0; i < shop->file_count; i++)
        free(shop->files[i].whole.data);
    free(shop->files);
    (void)close(shop->fd);
}

struct shop_file *shop_find(const struct shop *shop, enum fy_image_kind kind, uint64_t id)
{
    for (size_t i = 0; i < shop->file_count; i++)
        if (shop->files[i].type->kind == kind && shop->files[i].id == id)
            return &shop->files[i];
    return NULL;
}

struct shop_file *shop_next(const struct shop *shop, enum fy_image_kind kind, size_t *index)
{
    while (*index < shop->file_count) {
        struct shop_file *file = &shop->files[(*index)++];
        if (file->type->kind == kind)
            return file;
    }
    return NULL;
}

void shop_write(const struct shop *shop, const char *name, const void *data, size_t size)
{
    int fd = openat(shop->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        die("%s/%s cannot be written", shop->path, name);
    (void)close(fd);
}

void shop_remove(const struct shop *shop, const char *name)
{
    if (unlinkat(shop->fd, name, 0) < 0)
        die("%s/%s cannot be removed", shop->path, name);
}

void shop_restore(const struct shop *shop, const struct shop_file *file)
{
    shop_write(shop, file->name, file->whole.data, file->whole.size);
}

struct extent *shop_extents(const struct shop *shop, const struct shop_file *file, size_t *count)
{
    struct fy_error err = FY_ERROR_INIT;
    struct extent *extents = NULL;
    struct fy_image *image;
    struct fy_image_entry entry;

    *count = 0;
    if (file->type->magic == 0)
        return NULL;
    if (fy_image_open(shop->fd, file->name, NULL, &image, &err) < 0)
        die("%s: %s", shop->path, err.message);
    while (fy_image_next(image, &entry, &err) > 0) {
        extents = realloc(extents, (*count + 1) * sizeof(*extents));
        if (!extents)
            die("no memory");
        extents[(*count)++] =
            (struct extent){(size_t)entry.offset_bytes, (size_t)(entry.payload_offset_bytes + entry.payload_bytes)};
    }
    if (fy_error_is_set(&err))
        die("%s: %s", shop->path, err.message);
    fy_image_free(image);
    return extents;
}

static void append(struct bytes *bytes, const void *data, size_t size)
{
    bytes->data = realloc(bytes->data, bytes->size + size + 1);
    if (!bytes->data)
        die("no memory");
    memcpy(bytes->data + bytes->size, data, size);
    bytes->size += size;
}

static void append_entry(struct bytes *bytes, const ProtobufCMessage *message, const struct bytes *from,
                         const struct fy_image_entry *entry)
{
    uint32_t size = (uint32_t)protobuf_c_message_get_packed_size(message);

    append(bytes, &size, sizeof(size));
    append(bytes, "", 0);
    bytes->data = realloc(bytes->data, bytes->size + size + 1);
    if (!bytes->data)
        die("no memory");
    bytes->size += protobuf_c_message_pack(message, bytes->data + bytes->size);
    append(bytes, from->data + entry->payload_offset_bytes, (size_t)entry->payload_bytes);
}

static struct bytes read_now(const struct shop *shop, const char *name)
{
    struct bytes now = {0};
    char *data = NULL;

    if (fy_fs_read_file_at(shop->fd, name, FILE_BYTES_MAX, &data, &now.size, NULL) == 0)
        now.data = (uint8_t *)data;
    return now;
}

struct bytes shop_meaning(const struct shop *shop, const struct shop_file *file)
{
    struct bytes now = read_now(shop, file->name), meaning = {0};
    struct fy_image_entry entry;
    struct fy_image *image;
    int result;

    if (!now.data || file->type->magic == 0)
        return now;
    if (fy_image_open(shop->fd, file->name, NULL, &image, NULL) == 0) {
        append(&meaning, "", 0);
        while ((result = fy_image_next(image, &entry, NULL)) > 0)
            append_entry(&meaning, entry.message, &now, &entry);
        if (result < 0) {
            free(meaning.data);
            meaning = (struct bytes){0};
        }
        fy_image_free(image);
    }
    free(now.data);
    return meaning;
}

/* Magics are taken as they are. */
static size_t magics_size(const struct shop_file *file)
{
    uint32_t first;

    memcpy(&first, file->whole.data, sizeof(first));
    return first == file->type->magic ? 4 : 8;
}

static struct bytes rewritten(const struct shop *shop, const struct shop_file *file, entry_edit *edit, void *context)
{
    struct bytes now = read_now(shop, file->name), made = {0};
    struct fy_error err = FY_ERROR_INIT;
    struct fy_image_entry entry;
    struct fy_image *image;

    if (!now.data || fy_image_open(shop->fd, file->name, NULL, &image, &err) < 0)
        die("%s: %s", shop->path, err.message);
    append(&made, now.data, magics_size(file));
    while (fy_image_next(image, &entry, &err) > 0)
        for (unsigned times = edit((ProtobufCMessage *)entry.message, entry.number, context); times > 0; times--)
            append_entry(&made, entry.message, &now, &entry);
    if (fy_error_is_set(&err))
        die("%s: %s", shop->path, err.message);
    fy_image_free(image);
    free(now.data);
    return made;
}

bool shop_edit(const struct shop *shop, const struct shop_file *file, entry_edit *edit, void *context)
{
    struct bytes made = rewritten(shop, file, edit, context);
    bool differs = made.size != file->whole.size || memcmp(made.data, file->whole.data, made.size) != 0;

    if (differs)
        shop_write(shop, file->name, made.data, made.size);
    free(made.data);
    return differs;
}

void shop_look(const struct shop *shop, const struct shop_file *file, entry_edit *edit, void *context)
{
    free(rewritten(shop, file, edit, context).data);
}
