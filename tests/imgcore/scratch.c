/* Copies of image sets to be damaged. */
#include "scratch.h"
#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <ferry/base/fs.h>
#include <ferry/imgcore/image.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void scratch_make(struct scratch *scratch)
{
    (void)snprintf(scratch->path, sizeof(scratch->path), "/tmp/ferry-imgcore-XXXXXX");
    cr_assert_not_null(mkdtemp(scratch->path));
    scratch->fd = open(scratch->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cr_assert_geq(scratch->fd, 0);
}

static void make_pages(const struct scratch *scratch, const char *list)
{
    char line[128];
    FILE *file = fopen(list, "re");

    cr_assert_not_null(file, "%s", list);
    while (fgets(line, sizeof(line), file)) {
        char *size = strchr(line, ' ');
        cr_assert_not_null(size);
        *size++ = '\0';
        scratch_write(scratch, line, "", 0);
        scratch_resize(scratch, line, strtoull(size, NULL, 10));
    }
    (void)fclose(file);
}

static void copy_file(const struct scratch *scratch, const char *directory, const char *name)
{
    char path[512], *data;
    size_t size;

    (void)snprintf(path, sizeof(path), "%s/%s", directory, name);
    if (strcmp(name, "pages.txt") == 0) {
        make_pages(scratch, path);
        return;
    }
    cr_assert_eq(fy_fs_read_file(path, 1 << 20, &data, &size, NULL), 0, "%s", path);
    scratch_write(scratch, name, data, size);
    free(data);
}

void scratch_copy(struct scratch *scratch, const char *name)
{
    char directory[256];
    struct dirent *entry;
    DIR *dir;

    scratch_make(scratch);
    (void)snprintf(directory, sizeof(directory), TEST_SOURCE_DIR "/sets/%s", name);
    dir = opendir(directory);
    cr_assert_not_null(dir, "%s", directory);
    while ((entry = readdir(dir)) != NULL)
        if (entry->d_name[0] != '.')
            copy_file(scratch, directory, entry->d_name);
    (void)closedir(dir);
}

void scratch_done(struct scratch *scratch)
{
    (void)close(scratch->fd);
    cr_assert_eq(fy_fs_remove_tree(scratch->path, NULL), 0);
}

static int open_file(const struct scratch *scratch, const char *name, int flags)
{
    int fd = openat(scratch->fd, name, flags | O_CLOEXEC, 0644);
    cr_assert_geq(fd, 0, "%s", name);
    return fd;
}

void scratch_write(const struct scratch *scratch, const char *name, const void *data, size_t size)
{
    int fd = open_file(scratch, name, O_WRONLY | O_CREAT | O_TRUNC);
    cr_assert_eq(write(fd, data, size), (ssize_t)size);
    (void)close(fd);
}

uint8_t *scratch_read(const struct scratch *scratch, const char *name, size_t *size)
{
    char *data;
    cr_assert_eq(fy_fs_read_file_at(scratch->fd, name, 1 << 20, &data, size, NULL), 0, "%s", name);
    return (uint8_t *)data;
}

void scratch_append(const struct scratch *scratch, const char *name, const void *data, size_t size)
{
    int fd = open_file(scratch, name, O_WRONLY | O_APPEND);
    cr_assert_eq(write(fd, data, size), (ssize_t)size);
    (void)close(fd);
}

void scratch_remove(const struct scratch *scratch, const char *name)
{
    cr_assert_eq(unlinkat(scratch->fd, name, 0), 0, "%s", name);
}

uint64_t scratch_size(const struct scratch *scratch, const char *name)
{
    struct stat status;
    cr_assert_eq(fstatat(scratch->fd, name, &status, AT_SYMLINK_NOFOLLOW), 0, "%s", name);
    return (uint64_t)status.st_size;
}

void scratch_resize(const struct scratch *scratch, const char *name, uint64_t size)
{
    int fd = open_file(scratch, name, O_WRONLY);
    cr_assert_eq(ftruncate(fd, (off_t)size), 0);
    (void)close(fd);
}

void scratch_set_byte(const struct scratch *scratch, const char *name, size_t offset, uint8_t value)
{
    int fd = open_file(scratch, name, O_WRONLY);
    cr_assert_eq(pwrite(fd, &value, 1, (off_t)offset), 1);
    (void)close(fd);
}

void scratch_rename(const struct scratch *scratch, const char *from, const char *to)
{
    cr_assert_eq(renameat(scratch->fd, from, scratch->fd, to), 0, "%s", from);
}

void made_bytes(struct made *made, const void *data, size_t size)
{
    cr_assert_leq(size, sizeof(made->data) - made->size);
    memcpy(made->data + made->size, data, size);
    made->size += size;
}

void made_word(struct made *made, uint32_t word)
{
    uint8_t bytes[4] = {(uint8_t)word, (uint8_t)(word >> 8), (uint8_t)(word >> 16), (uint8_t)(word >> 24)};
    made_bytes(made, bytes, 4);
}

void made_magic(struct made *made, uint32_t magic)
{
    made->size = 0;
    made_word(made, 0x54564319);
    made_word(made, magic);
}

void made_entry(struct made *made, const void *message)
{
    size_t size = protobuf_c_message_get_packed_size(message);

    made_word(made, (uint32_t)size);
    cr_assert_leq(size, sizeof(made->data) - made->size);
    made->size += protobuf_c_message_pack(message, made->data + made->size);
}

void scratch_edit(const struct scratch *scratch, const char *name, entry_edit *edit, void *context)
{
    static struct made made;
    struct fy_error err = FY_ERROR_INIT;
    struct fy_image *image;
    struct fy_image_entry entry;

    cr_assert_eq(fy_image_open(scratch->fd, name, NULL, &image, &err), 0, "%s", err.message);
    made_magic(&made, fy_image_type(image)->magic);
    while (fy_image_next(image, &entry, &err) > 0)
        for (unsigned times = edit((ProtobufCMessage *)entry.message, entry.number, context); times > 0; times--)
            made_entry(&made, entry.message);
    cr_assert_eq(err.code, FY_OK, "%s", err.message);
    fy_image_free(image);
    scratch_write(scratch, name, made.data, made.size);
}

static unsigned count_entry(ProtobufCMessage *message, size_t number, void *context)
{
    (void)message;
    (void)number;
    ++*(size_t *)context;
    return 1;
}

static unsigned keep_before(ProtobufCMessage *message, size_t number, void *context)
{
    (void)message;
    return number + 1 < *(size_t *)context;
}

void scratch_drop_last(const struct scratch *scratch, const char *name)
{
    size_t count = 0;

    scratch_edit(scratch, name, count_entry, &count);
    scratch_edit(scratch, name, keep_before, &count);
}
