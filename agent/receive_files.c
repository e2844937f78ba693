/* Files that arrive. */
#include "receive_files.h"

#include "block.h"
#include "image_files.h"

#include <errno.h>
#include <fcntl.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct fy_receive_file {
    char *name;
    uint8_t *blocks; /* bitmap of those that have arrived */
    size_t blocks_bytes;
    uint64_t extent_bytes;  /* the highest end of a block that arrived, or the size once that is known */
    uint64_t arrived_bytes; /* in blocks */
    bool ended;
};

static int make_room(struct fy_receive_files *files, uint32_t number, struct fy_error *err)
{
    if (number >= FY_MAX_IMAGE_FILES)
        return fy_error_set(err, FY_E_LIMIT, "the peer sends more than %u files", FY_MAX_IMAGE_FILES);
    size_t wanted = files->capacity ? files->capacity : 64;
    while (wanted <= number)
        wanted *= 2;
    if (wanted == files->capacity)
        return 0;
    struct fy_receive_file **grown = reallocarray(files->items, wanted, sizeof(struct fy_receive_file *));
    if (!grown)
        return fy_error_set(err, FY_E_NOMEM, "no memory for the list of files");
    memset(grown + files->capacity, 0, (wanted - files->capacity) * sizeof(struct fy_receive_file *));
    files->items = grown;
    files->capacity = wanted;
    return 0;
}

static int create(const struct fy_receive_files *files, const char *name, struct fy_error *err)
{
    if (!fy_fs_is_plain_name(name))
        return fy_error_set(err, FY_E_PROTOCOL, "the peer sent a file name that is not allowed");
    FY_AUTO_CLOSE int fd = openat(files->dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0 && errno == EEXIST)
        return fy_error_set(err, FY_E_PROTOCOL, "the peer sends %s twice", name);
    return fd < 0 ? fy_error_errno(err, errno, "creating %s", name) : 0;
}

static struct fy_receive_file *new_file(struct fy_receive_files *files, uint32_t number, const char *name,
                                        struct fy_error *err)
{
    if (create(files, name, err) < 0)
        return NULL;
    struct fy_receive_file *file = calloc(1, sizeof *file);
    if (file)
        file->name = strdup(name);
    if (!file || !file->name) {
        free(file);
        fy_error_set(err, FY_E_NOMEM, "no memory for a file of an image set");
        return NULL;
    }
    files->items[number] = file;
    files->count++;
    return file;
}

static struct fy_receive_file *find(struct fy_receive_files *files, uint32_t number, const char *name,
                                    struct fy_error *err)
{
    if (make_room(files, number, err) < 0)
        return NULL;
    struct fy_receive_file *file = files->items[number];
    if (!file)
        return new_file(files, number, name, err);
    if (strcmp(file->name, name) == 0)
        return file;
    fy_error_set(err, FY_E_PROTOCOL, "the peer calls file %u by another name than %s", number, file->name);
    return NULL;
}

/* Accounts for a file that reaches so far. */
static int extend(struct fy_receive_files *files, struct fy_receive_file *file, uint64_t end, struct fy_error *err)
{
    if (end <= file->extent_bytes)
        return 0;
    uint64_t left = files->limit_bytes - files->extent_bytes;
    if (end - file->extent_bytes > left) {
        fy_error_set(err, FY_E_NOSPACE, "%s reaches to %llu bytes, and only %llu bytes are left for this image set",
                     file->name, (unsigned long long)end, (unsigned long long)left);
        return fy_error_next(err, "make room on the file system of run_dir at the destination (a tmpfs: enlarge it)");
    }
    files->extent_bytes += end - file->extent_bytes;
    file->extent_bytes = end;
    return 0;
}

static int mark(struct fy_receive_file *file, uint64_t block, struct fy_error *err)
{
    size_t byte = (size_t)(block / 8);
    uint8_t bit = (uint8_t)(1u << (block % 8));
    if (byte >= file->blocks_bytes) {
        size_t wanted = byte * 2 + 8;
        uint8_t *grown = realloc(file->blocks, wanted);
        if (!grown)
            return fy_error_set(err, FY_E_NOMEM, "no memory for the list of blocks of %s", file->name);
        memset(grown + file->blocks_bytes, 0, wanted - file->blocks_bytes);
        file->blocks = grown;
        file->blocks_bytes = wanted;
    }
    if (file->blocks[byte] & bit)
        return fy_error_set(err, FY_E_PROTOCOL, "%s: the peer sends block %llu twice", file->name,
                            (unsigned long long)block);
    file->blocks[byte] |= bit;
    return 0;
}

/* Once the end is known: every block has its length, none is behind the end. */
static int check_length(const struct fy_receive_file *file, uint64_t offset, uint32_t raw_bytes, struct fy_error *err)
{
    uint64_t size = file->extent_bytes;
    if (!file->ended ||
        (offset < size && (raw_bytes == FY_BLOCK_BYTES || offset + raw_bytes == size) && offset + raw_bytes <= size))
        return 0;
    return fy_error_set(err, FY_E_PROTOCOL, "%s: a chunk of %u bytes at %llu in a file of %llu bytes", file->name,
                        raw_bytes, (unsigned long long)offset, (unsigned long long)size);
}

static void count_if_complete(struct fy_receive_files *files, const struct fy_receive_file *file)
{
    if (file->ended && file->arrived_bytes == file->extent_bytes)
        files->complete++;
}

const char *fy_receive_files_block(struct fy_receive_files *files, uint32_t number, const char *name, uint64_t offset,
                                   uint32_t raw_bytes, struct fy_error *err)
{
    if (offset % FY_BLOCK_BYTES != 0 || offset > UINT64_MAX - FY_BLOCK_BYTES) {
        fy_error_set(err, FY_E_PROTOCOL, "a chunk begins at %llu, between blocks", (unsigned long long)offset);
        return NULL;
    }
    struct fy_receive_file *file = find(files, number, name, err);
    if (!file || check_length(file, offset, raw_bytes, err) < 0 || extend(files, file, offset + raw_bytes, err) < 0 ||
        mark(file, offset / FY_BLOCK_BYTES, err) < 0)
        return NULL;
    file->arrived_bytes += raw_bytes;
    count_if_complete(files, file);
    return file->name;
}

static int set_size(const struct fy_receive_files *files, const struct fy_receive_file *file, struct fy_error *err)
{
    FY_AUTO_CLOSE int fd = openat(files->dir_fd, file->name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return fy_error_errno(err, errno, "opening %s", file->name);
    if (ftruncate(fd, (off_t)file->extent_bytes) < 0)
        return fy_error_errno(err, errno, "giving %s its size", file->name);
    return 0;
}

int fy_receive_files_end(struct fy_receive_files *files, uint32_t number, const char *name, uint64_t size_bytes,
                         struct fy_error *err)
{
    struct fy_receive_file *file = find(files, number, name, err);
    if (!file)
        return -1;
    if (file->ended || size_bytes < file->extent_bytes)
        return fy_error_set(err, FY_E_PROTOCOL, "%s ends at %llu bytes, which its chunks contradict", file->name,
                            (unsigned long long)size_bytes);
    if (extend(files, file, size_bytes, err) < 0)
        return -1;
    file->ended = true;
    files->ended++;
    count_if_complete(files, file);
    return set_size(files, file, err);
}

const char *fy_receive_files_name(const struct fy_receive_files *files, uint32_t number)
{
    return number < files->capacity && files->items[number] ? files->items[number]->name : NULL;
}

bool fy_receive_files_are(const struct fy_receive_files *files, uint32_t count, uint64_t bytes)
{
    return files->count == count && files->complete == count && files->extent_bytes == bytes;
}

void fy_receive_files_done(struct fy_receive_files *files)
{
    for (size_t i = 0; i < files->capacity; i++) {
        if (!files->items[i])
            continue;
        free(files->items[i]->name);
        free(files->items[i]->blocks);
        free(files->items[i]);
    }
    free(files->items);
    *files = (struct fy_receive_files){0};
}
