/* Writes a manifest: into a new file beside the old one, to the disk, and then in its place. */
#include "manifest_private.h"
#include <errno.h>
#include <fcntl.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

static int write_record(FILE *file, const void *data, size_t size)
{
    uint8_t word[4] = {(uint8_t)size, (uint8_t)(size >> 8), (uint8_t)(size >> 16), (uint8_t)(size >> 24)};

    return fwrite(word, 1, sizeof(word), file) == sizeof(word) && fwrite(data, 1, size, file) == size ? 0 : -1;
}

/* Out of memory is a failure of writing here; errno says which. */
static int write_message(FILE *file, const ProtobufCMessage *message)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    FY_AUTO_FREE uint8_t *data = malloc(size + 1);

    return data ? write_record(file, data, protobuf_c_message_pack(message, data)) : -1;
}

static ProtobufCBinaryData bytes_of(const void *data, size_t size)
{
    return (ProtobufCBinaryData){.len = size, .data = (uint8_t *)(uintptr_t)data};
}

static int write_head(FILE *file, const struct fy_manifest *manifest)
{
    Ferry__Manifest__Head head = FERRY__MANIFEST__HEAD__INIT;

    head.version = MANIFEST_VERSION;
    head.hash = MANIFEST_HASH;
    head.chunk_bytes = FY_MANIFEST_CHUNK_BYTES;
    head.entries = (uint32_t)manifest->entries.count;
    head.root = bytes_of(manifest->root.bytes, sizeof(manifest->root));
    return write_message(file, &head.base);
}

static int write_entry(FILE *file, const struct entry *entry)
{
    Ferry__Manifest__Entry message = FERRY__MANIFEST__ENTRY__INIT;

    message.kind = entry->target ? FERRY__MANIFEST__KIND__LINK : FERRY__MANIFEST__KIND__FILE;
    message.name = entry->name;
    message.size_bytes = entry->size_bytes;
    message.root = bytes_of(entry->root.bytes, sizeof(entry->root));
    message.target = entry->target;
    if (entry->chunks) {
        message.has_chunks = true;
        message.chunks = bytes_of(entry->chunks, fy_chunks_of(entry->size_bytes) * sizeof(struct hash));
    }
    return write_message(file, &message.base);
}

static int write_signature(FILE *file, const struct signature *signature)
{
    Ferry__Manifest__Signature message = FERRY__MANIFEST__SIGNATURE__INIT;

    message.sshsig = bytes_of(signature->data, signature->size);
    return write_message(file, &message.base);
}

static int write_all(FILE *file, const struct fy_manifest *manifest)
{
    if (fwrite(MANIFEST_MAGIC, 1, MANIFEST_MAGIC_BYTES, file) != MANIFEST_MAGIC_BYTES ||
        write_head(file, manifest) < 0 || write_record(file, manifest->facts_wire, manifest->facts_wire_size) < 0)
        return -1;
    for (size_t i = 0; i < manifest->entries.count; i++)
        if (write_entry(file, &manifest->entries.items[i]) < 0)
            return -1;
    for (size_t i = 0; i < manifest->signatures.count; i++)
        if (write_signature(file, &manifest->signatures.items[i]) < 0)
            return -1;
    return fflush(file) == 0 && fsync(fileno(file)) == 0 ? 0 : -1;
}

static int write_new(const struct fy_manifest *manifest, int dir_fd, const char *name, struct fy_error *err)
{
    int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    FY_AUTO_FCLOSE FILE *file = fd < 0 ? NULL : fdopen(fd, "w");

    if (!file) {
        int reason = errno;
        if (fd >= 0)
            (void)close(fd);
        return fy_error_errno(err, reason, "cannot create %s", name);
    }
    return write_all(file, manifest) < 0 ? fy_error_errno(err, errno, "cannot write %s", name) : 0;
}

static int sync_directory(int dir_fd, const char *name, struct fy_error *err)
{
    FY_AUTO_CLOSE int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd < 0 || fsync(fd) < 0 ? fy_error_errno(err, errno, "cannot put the name %s on the disk", name) : 0;
}

int fy_manifest_write(const struct fy_manifest *manifest, int dir_fd, const char *name, struct fy_error *err)
{
    char beside[NAME_MAX + 1];

    if (!fy_fs_is_plain_name(name) || strlen(name) + sizeof(MANIFEST_NEW_SUFFIX) > sizeof(beside))
        return fy_error_set(err, FY_E_USAGE, "%s is not a name that a manifest can have", name);
    (void)snprintf(beside, sizeof(beside), "%s" MANIFEST_NEW_SUFFIX, name);
    /* What a writer that was killed has left. */
    if (unlinkat(dir_fd, beside, 0) < 0 && errno != ENOENT)
        return fy_error_errno(err, errno, "cannot remove %s", beside);
    if (write_new(manifest, dir_fd, beside, err) < 0) {
        (void)unlinkat(dir_fd, beside, 0);
        return -1;
    }
    if (renameat(dir_fd, beside, dir_fd, name) < 0) {
        (void)fy_error_errno(err, errno, "cannot rename %s", beside);
        (void)unlinkat(dir_fd, beside, 0);
        return -1;
    }
    return sync_directory(dir_fd, name, err);
}
