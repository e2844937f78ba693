/* Reads a manifest that anybody may have written: every record is bounded before it is read, decoded with a limit, and
 * every hash that follows from others is computed again. */
#include "../arena.h"
#include "../wire.h"
#include "manifest_private.h"
#include <errno.h>
#include <fcntl.h>
#include <ferry/base/buf.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#define HEAD_MAX_BYTES 1024u
#define ENTRY_MAX_BYTES (CHUNKS_MAX * FY_MANIFEST_HASH_BYTES + 65536u)
#define DEPTH_MAX 8
#define MEMORY_MAX_BYTES (200u << 20)

struct reader {
    FILE *file;
    const char *name;
    uint64_t size_bytes, offset_bytes;
    struct fy_buf record;
    struct fy_arena arena; /* of the message that was decoded last */
    struct hasher hasher;
    uint64_t chunks; /* in memory so far */
};

__attribute__((format(printf, 4, 5))) static int fault(const struct reader *reader, uint64_t offset,
                                                       struct fy_error *err, const char *format, ...)
{
    char text[256];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    (void)fy_error_set(err, FY_E_FORMAT, "%s: record at byte %" PRIu64 ": %s", reader->name, offset, text);
    return fy_error_next(err, "Make the manifest again, from a set that is known to be right.");
}

static int read_bytes(struct reader *reader, void *data, size_t size, struct fy_error *err)
{
    if (size > reader->size_bytes - reader->offset_bytes || fread(data, 1, size, reader->file) != size) {
        if (ferror(reader->file))
            return fy_error_errno(err, errno, "cannot read %s", reader->name);
        return fault(reader, reader->offset_bytes, err, "the file ends within it");
    }
    reader->offset_bytes += size;
    return 0;
}

/* The next record, into reader->record. */
static int read_record(struct reader *reader, size_t limit, struct fy_error *err)
{
    uint64_t at = reader->offset_bytes;
    uint8_t word[4];
    uint32_t size;

    if (read_bytes(reader, word, sizeof(word), err) < 0)
        return -1;
    size = (uint32_t)word[0] | (uint32_t)word[1] << 8 | (uint32_t)word[2] << 16 | (uint32_t)word[3] << 24;
    if (size > limit)
        return fault(reader, at, err, "has %" PRIu32 " bytes, more than the %zu that it may have", size, limit);
    if (size > reader->size_bytes - reader->offset_bytes)
        return fault(reader, at, err, "has %" PRIu32 " bytes, but the file ends before that", size);
    reader->record.size = 0;
    if (fy_buf_reserve(&reader->record, size + 1u, err) < 0 || read_bytes(reader, reader->record.data, size, err) < 0)
        return -1;
    reader->record.size = size;
    return 0;
}

static const void *decode(struct reader *reader, const ProtobufCMessageDescriptor *descriptor, struct fy_error *err)
{
    uint64_t at = reader->offset_bytes - reader->record.size;
    size_t place = 0;
    const char *wrong = fy_wire_check(descriptor, reader->record.data, reader->record.size, DEPTH_MAX, &place);
    const void *message;

    if (wrong) {
        (void)fault(reader, at + place, err, "%s", wrong);
        return NULL;
    }
    fy_arena_reset(&reader->arena);
    message = protobuf_c_message_unpack(descriptor, &reader->arena.allocator, reader->record.size, reader->record.data);
    if (!message)
        (void)fault(reader, at, err, "is not a %s of a manifest, or takes too much memory", descriptor->short_name);
    return message;
}

static const void *read_message(struct reader *reader, const ProtobufCMessageDescriptor *descriptor, size_t limit,
                                struct fy_error *err)
{
    return read_record(reader, limit, err) < 0 ? NULL : decode(reader, descriptor, err);
}

static int read_head(struct reader *reader, struct hash *root, uint32_t *entries, struct fy_error *err)
{
    char magic[MANIFEST_MAGIC_BYTES];
    const Ferry__Manifest__Head *head;

    if (read_bytes(reader, magic, sizeof(magic), err) < 0)
        return -1;
    if (memcmp(magic, MANIFEST_MAGIC, sizeof(magic)) != 0)
        return fault(reader, 0, err, "the file does not begin as a manifest does");
    head = read_message(reader, &ferry__manifest__head__descriptor, HEAD_MAX_BYTES, err);
    if (!head)
        return -1;
    if (head->version != MANIFEST_VERSION || strcmp(head->hash, MANIFEST_HASH) != 0 ||
        head->chunk_bytes != FY_MANIFEST_CHUNK_BYTES)
        return fy_error_set(err, FY_E_UNSUPPORTED,
                            "%s: version %" PRIu32 " with %.32s over %" PRIu32 " bytes is not known here", reader->name,
                            head->version, head->hash, head->chunk_bytes);
    if (head->root.len != sizeof(*root) || head->entries > ENTRIES_MAX)
        return fault(reader, MANIFEST_MAGIC_BYTES, err, "the head has no root, or too many entries");
    memcpy(root->bytes, head->root.data, sizeof(*root));
    *entries = head->entries;
    return 0;
}

static int read_facts(struct reader *reader, struct fy_manifest *manifest, struct fy_error *err)
{
    if (!read_message(reader, &ferry__manifest__facts__descriptor, FACTS_MAX_BYTES, err))
        return -1;
    /* It has been decoded within the limit; this one is to stay. */
    manifest->facts = ferry__manifest__facts__unpack(NULL, reader->record.size, reader->record.data);
    manifest->facts_wire = malloc(reader->record.size + 1);
    if (!manifest->facts || !manifest->facts_wire)
        return fy_error_set(err, FY_E_NOMEM, "no memory for the facts of a manifest");
    memcpy(manifest->facts_wire, reader->record.data, reader->record.size);
    manifest->facts_wire_size = reader->record.size;
    return 0;
}

static bool is_file_name(const char *name)
{
    size_t length = strlen(name);

    return length > 0 && length <= NAME_MAX && !strchr(name, '/') && strcmp(name, ".") != 0 &&
           strcmp(name, "..") != 0 && strcmp(name, FY_MANIFEST_NAME) != 0;
}

/* NULL, or what is wrong with the form of an entry. */
static const char *form_fault(const Ferry__Manifest__Entry *entry, const struct fy_manifest *manifest)
{
    uint64_t chunks = fy_chunks_of(entry->size_bytes);
    bool is_link = entry->kind == FERRY__MANIFEST__KIND__LINK;

    if (!is_file_name(entry->name))
        return "its name is not one that a file of a set can have";
    if (manifest->entries.count > 0 &&
        strcmp(manifest->entries.items[manifest->entries.count - 1].name, entry->name) >= 0)
        return "the names are not in ascending order";
    if (entry->kind != FERRY__MANIFEST__KIND__FILE && !is_link)
        return "its kind is not known";
    if (is_link != (entry->target != NULL) || (is_link && strcmp(entry->name, PARENT_NAME) != 0) ||
        (is_link && (strlen(entry->target) != entry->size_bytes || entry->size_bytes >= PATH_MAX)))
        return "it is not a link that a set can have";
    if (entry->root.len != sizeof(struct hash))
        return "its root is not a hash";
    if (chunks > CHUNKS_MAX || entry->chunks.len != (chunks > 1 ? chunks * sizeof(struct hash) : 0))
        return "the number of its chunks does not fit its size";
    return NULL;
}

/* The root must follow from what is below it, as far as that is known. */
static int check_root(struct reader *reader, const struct entry *entry, struct fy_error *err)
{
    struct hash root = entry->root;
    int result = 0;

    if (entry->target)
        result = fy_hash_chunk(&reader->hasher, entry->target, entry->size_bytes, &root, err);
    else if (entry->chunks)
        result = fy_hash_tree(&reader->hasher, entry->chunks, fy_chunks_of(entry->size_bytes), &root, err);
    else if (entry->size_bytes == 0)
        result = fy_hash_chunk(&reader->hasher, NULL, 0, &root, err);
    if (result < 0 || memcmp(&root, &entry->root, sizeof(root)) == 0)
        return result;
    return fault(reader, reader->offset_bytes - reader->record.size, err,
                 "the root of %s does not follow from its chunks", entry->name);
}

/* The entry itself is in the manifest from the first on, and freed with it. */
static int fill_entry(struct entry *entry, const Ferry__Manifest__Entry *message, struct fy_error *err)
{
    entry->size_bytes = message->size_bytes;
    memcpy(entry->root.bytes, message->root.data, sizeof(entry->root));
    entry->name = strdup(message->name);
    entry->target = message->target ? strdup(message->target) : NULL;
    if (message->chunks.len > 0)
        entry->chunks = malloc(message->chunks.len);
    if (!entry->name || (message->target && !entry->target) || (message->chunks.len > 0 && !entry->chunks))
        return fy_error_set(err, FY_E_NOMEM, "no memory for the entries of a manifest");
    if (entry->chunks)
        memcpy(entry->chunks, message->chunks.data, message->chunks.len);
    return 0;
}

static int read_entry(struct reader *reader, struct fy_manifest *manifest, struct fy_error *err)
{
    const Ferry__Manifest__Entry *message =
        read_message(reader, &ferry__manifest__entry__descriptor, ENTRY_MAX_BYTES, err);
    const char *wrong = message ? form_fault(message, manifest) : NULL;
    struct entry *entry;

    if (!message)
        return -1;
    if (wrong)
        return fault(reader, reader->offset_bytes - reader->record.size, err, "%s", wrong);
    reader->chunks += message->chunks.len / sizeof(struct hash);
    if (reader->chunks > CHUNKS_MAX)
        return fy_error_set(err, FY_E_LIMIT, "%s: the files are larger than 4 TiB together", reader->name);
    if (vector_push(&manifest->entries, err, (struct entry){0}) < 0)
        return -1;
    entry = &manifest->entries.items[manifest->entries.count - 1];
    if (fill_entry(entry, message, err) < 0)
        return -1;
    return check_root(reader, entry, err);
}

static int read_signatures(struct reader *reader, struct fy_manifest *manifest, struct fy_error *err)
{
    while (reader->offset_bytes < reader->size_bytes) {
        const Ferry__Manifest__Signature *message =
            read_message(reader, &ferry__manifest__signature__descriptor, SIGNATURE_MAX_BYTES, err);
        if (!message || fy_manifest_add_signature(manifest, message->sshsig.data, message->sshsig.len, err) < 0)
            return -1;
    }
    return 0;
}

static int read_all(struct reader *reader, struct fy_manifest *manifest, struct fy_error *err)
{
    struct hash root;
    uint32_t entries = 0;

    if (read_head(reader, &root, &entries, err) < 0 || read_facts(reader, manifest, err) < 0)
        return -1;
    for (uint32_t i = 0; i < entries; i++)
        if (read_entry(reader, manifest, err) < 0)
            return -1;
    if (read_signatures(reader, manifest, err) < 0 ||
        fy_manifest_compute_root(manifest, &reader->hasher, &manifest->root, err) < 0)
        return -1;
    if (memcmp(&root, &manifest->root, sizeof(root)) == 0)
        return 0;
    return fault(reader, MANIFEST_MAGIC_BYTES, err, "the root does not follow from what the manifest says");
}

static int open_reader(struct reader *reader, int dir_fd, const char *name, struct fy_error *err)
{
    struct stat status;
    int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

    *reader = (struct reader){.name = name};
    if (fd < 0 && errno == ELOOP)
        return fy_error_set(err, FY_E_FORMAT, "%s is a symbolic link, expected a file", name);
    if (fd < 0)
        return fy_error_errno(err, errno, "cannot open %s", name);
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && (reader->file = fdopen(fd, "r")) != NULL) {
        reader->size_bytes = (uint64_t)status.st_size;
        fy_buf_init(&reader->record, 0);
        fy_arena_init(&reader->arena, MEMORY_MAX_BYTES);
        return 0;
    }
    (void)close(fd);
    return fy_error_set(err, FY_E_FORMAT, "%s is not a regular file", name);
}

static void close_reader(struct reader *reader)
{
    (void)fclose(reader->file);
    fy_buf_done(&reader->record);
    fy_arena_done(&reader->arena);
}

int fy_manifest_read(int dir_fd, const char *name, struct fy_manifest **manifest, struct fy_error *err)
{
    struct fy_manifest *made;
    struct reader reader;
    int result;

    if (open_reader(&reader, dir_fd, name, err) < 0)
        return -1;
    made = calloc(1, sizeof(*made));
    result = made ? fy_hasher_init(&reader.hasher, err) : fy_error_set(err, FY_E_NOMEM, "no memory for a manifest");
    if (result == 0) {
        result = read_all(&reader, made, err);
        fy_hasher_done(&reader.hasher);
    }
    close_reader(&reader);
    if (result == 0)
        *manifest = fy_take(made);
    fy_manifest_free(made);
    return result;
}
