/* Sets from bytes. The directory is made once a process and used again, since making files is most of the cost. */
#include "archive.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct {
    char path[64];
    int fd, set_fd, parent_fd;
    size_t count;
    struct {
        char name[ARCHIVE_NAME_SIZE];
        bool in_parent;
    } there[ARCHIVE_FILES];
} place;

static void must(bool holds, const char *what)
{
    if (holds)
        return;
    perror(what);
    abort();
}

static uint32_t get_word(const uint8_t *data)
{
    return (uint32_t)data[0] | (uint32_t)data[1] << 8 | (uint32_t)data[2] << 16 | (uint32_t)data[3] << 24;
}

static void put_word(uint8_t *data, uint32_t word)
{
    for (unsigned i = 0; i < 4; i++)
        data[i] = (uint8_t)(word >> 8 * i);
}

/* What cannot be a file name becomes one. */
static void clean_name(struct archive_file *file, const uint8_t *data, size_t size)
{
    size_t used = 0;

    file->in_parent = size >= 2 && data[0] == 'p' && data[1] == '/';
    for (size_t i = file->in_parent ? 2 : 0; i < size && used < sizeof(file->name) - 1; i++)
        file->name[used++] = (char)(data[i] == '/' || data[i] == 0 ? '_' : data[i]);
    file->name[used] = 0;
    if (used == 0 || strcmp(file->name, ".") == 0 || strcmp(file->name, "..") == 0 || strcmp(file->name, "parent") == 0)
        memcpy(file->name, "x", 2);
}

void archive_parse(struct archive *archive, const uint8_t *data, size_t size)
{
    archive->count = 0;
    while (size > 0 && archive->count < ARCHIVE_FILES) {
        struct archive_file *file = &archive->files[archive->count];
        const uint8_t *end = memchr(data, '\n', size);
        size_t name_size = end ? (size_t)(end - data) : 0;
        if (!end || size - name_size - 1 < 8)
            return;
        clean_name(file, data, name_size);
        file->size = get_word(end + 1);
        file->zeros = get_word(end + 5) % (ARCHIVE_ZEROS + 1);
        file->data = end + 9;
        size -= name_size + 9;
        if (file->size > size)
            file->size = size;
        data = file->data + file->size;
        size -= file->size;
        archive->count++;
    }
}

size_t archive_print(const struct archive *archive, uint8_t *data, size_t capacity)
{
    size_t used = 0;

    for (size_t i = 0; i < archive->count; i++) {
        const struct archive_file *file = &archive->files[i];
        char head[ARCHIVE_NAME_SIZE + 4];
        int head_size = snprintf(head, sizeof(head), "%s%s\n", file->in_parent ? "p/" : "", file->name);
        if (file->size + (size_t)head_size + 8 > capacity - used)
            break;
        memcpy(data + used, head, (size_t)head_size);
        used += (size_t)head_size;
        put_word(data + used, (uint32_t)file->size);
        put_word(data + used + 4, file->zeros);
        if (file->size > 0)
            memcpy(data + used + 8, file->data, file->size);
        used += file->size + 8;
    }
    return used;
}

bool archive_is_in_set(const struct archive *archive, size_t index)
{
    const struct archive_file *file = &archive->files[index];

    for (size_t i = index + 1; i < archive->count; i++)
        if (!archive->files[i].in_parent && strcmp(archive->files[i].name, file->name) == 0)
            return false;
    return !file->in_parent;
}

static void empty_place(void)
{
    for (size_t i = 0; i < place.count; i++)
        (void)unlinkat(place.there[i].in_parent ? place.parent_fd : place.set_fd, place.there[i].name, 0);
    place.count = 0;
    (void)unlinkat(place.set_fd, "parent", 0);
}

static void remove_place(void)
{
    empty_place();
    (void)unlinkat(place.fd, "set", AT_REMOVEDIR);
    (void)unlinkat(place.fd, "before", AT_REMOVEDIR);
    (void)rmdir(place.path);
}

static int make_directory(const char *name)
{
    int fd;

    must(mkdirat(place.fd, name, 0700) == 0, name);
    fd = openat(place.fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    must(fd >= 0, name);
    return fd;
}

static void make_place(void)
{
    const char *root = getenv("FERRY_FUZZ_DIR");

    (void)snprintf(place.path, sizeof(place.path), "%s/ferry-fuzz.XXXXXX", root ? root : "/dev/shm");
    must(mkdtemp(place.path), place.path);
    place.fd = open(place.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    must(place.fd >= 0, place.path);
    place.set_fd = make_directory("set");
    place.parent_fd = make_directory("before");
    (void)atexit(remove_place);
}

static void write_file(const struct archive_file *file)
{
    int fd = openat(file->in_parent ? place.parent_fd : place.set_fd, file->name,
                    O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);

    must(fd >= 0, file->name);
    must(file->size == 0 || write(fd, file->data, file->size) == (ssize_t)file->size, file->name);
    must(file->zeros == 0 || ftruncate(fd, (off_t)(file->size + file->zeros)) == 0, file->name);
    (void)close(fd);
    memcpy(place.there[place.count].name, file->name, sizeof(file->name));
    place.there[place.count++].in_parent = file->in_parent;
    if (file->in_parent)
        must(symlinkat("../before", place.set_fd, "parent") == 0 || errno == EEXIST, "parent");
}

int archive_unpack(const struct archive *archive)
{
    if (place.path[0] == 0)
        make_place();
    empty_place();
    for (size_t i = 0; i < archive->count; i++)
        write_file(&archive->files[i]);
    return place.set_fd;
}
