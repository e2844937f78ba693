/* Reading and writing `record` and `state`: a magic, a length, a message, a hash over all of it. */
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <ferry/base/buf.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <openssl/evp.h>
#include <string.h>

#define MAGIC_BYTES 8u
#define HEAD_BYTES (MAGIC_BYTES + 4u)

static const char record_magic[] = "FYCKPT01";
static const char state_magic[] = "FYCKST01";
static const char row_magic[] = "FYCKRW01";

static int hash_of(const void *data, size_t size, uint8_t hash[FY_STORED_HASH_BYTES], struct fy_error *err)
{
    if (EVP_Digest(data, size, hash, NULL, EVP_sha256(), NULL) != 1)
        return fy_error_set(err, FY_E_INTERNAL, "a hash could not be made");
    return 0;
}

/* ---- reading ---- */

static ProtobufCMessage *unwrap(const uint8_t *data, size_t size, const char *magic, const char *name,
                                const ProtobufCMessageDescriptor *descriptor, struct fy_error *err)
{
    uint8_t hash[FY_STORED_HASH_BYTES];
    uint32_t length = 0;
    bool whole = size >= HEAD_BYTES + sizeof hash && memcmp(data, magic, MAGIC_BYTES) == 0;
    if (whole)
        memcpy(&length, data + MAGIC_BYTES, sizeof length);
    if (!whole || length != size - HEAD_BYTES - sizeof hash) {
        fy_error_set(err, FY_E_VERIFY, "%s is damaged: it is not what its beginning says", name);
        return NULL;
    }
    if (hash_of(data, size - sizeof hash, hash, err) < 0)
        return NULL;
    if (memcmp(hash, data + size - sizeof hash, sizeof hash) != 0) {
        fy_error_set(err, FY_E_VERIFY, "%s is damaged: it does not fit its hash", name);
        return NULL;
    }
    ProtobufCMessage *message = protobuf_c_message_unpack(descriptor, NULL, length, data + HEAD_BYTES);
    if (!message)
        fy_error_set(err, FY_E_VERIFY, "%s cannot be read", name);
    return message;
}

static ProtobufCMessage *read_message(int dir_fd, const char *name, const char *magic,
                                      const ProtobufCMessageDescriptor *descriptor, struct fy_error *err)
{
    FY_AUTO_FREE char *data = NULL;
    size_t size = 0;
    if (fy_fs_read_file_at(dir_fd, name, STORE_RECORD_LIMIT, &data, &size, err) < 0)
        return NULL;
    return unwrap((const uint8_t *)data, size, magic, name, descriptor, err);
}

static bool path_is_allowed(const char *path)
{
    static const char *const folders[] = {"images/", "original/", "extra/"};
    for (size_t i = 0; i < FY_ARRAY_SIZE(folders); i++) {
        size_t length = strlen(folders[i]);
        if (strncmp(path, folders[i], length) == 0)
            return fy_fs_is_plain_name(path + length) && strlen(path + length) < 200;
    }
    return strcmp(path, "ferry.manifest") == 0;
}

/* It may come from a peer: nothing in it is used before this. */
static int check_record(const Ferry__Checkpoint__Record *record, struct fy_error *err)
{
    if (record->version != 1)
        return fy_error_set(err, FY_E_UNSUPPORTED, "a record of version %u; this ferryd knows version 1",
                            record->version);
    if (!fy_checkpoint_id_is_valid(record->id) || (record->parent && !fy_checkpoint_id_is_valid(record->parent)) ||
        record->depth >= STORE_CHAIN_LIMIT || (record->depth == 0) != !record->parent ||
        record->n_labels > FY_CHECKPOINT_LABELS_MAX || record->manifest_root.len != FY_STORED_HASH_BYTES)
        return fy_error_set(err, FY_E_VERIFY, "its record contradicts itself");
    for (size_t i = 0; i < record->n_files; i++) {
        const Ferry__Checkpoint__File *file = record->files[i];
        uint64_t chunks = file->stored_bytes / FY_STORED_CHUNK_BYTES + (file->stored_bytes % FY_STORED_CHUNK_BYTES > 0);
        if (!path_is_allowed(file->path) || file->stored_bytes > INT64_MAX || file->plain_bytes > INT64_MAX ||
            file->chunks.len / FY_STORED_HASH_BYTES != chunks || file->chunks.len % FY_STORED_HASH_BYTES)
            return fy_error_set(err, FY_E_VERIFY, "its record contradicts itself at file %.100s", file->path);
    }
    return 0;
}

int record_read(int dir_fd, Ferry__Checkpoint__Record **record, struct fy_error *err)
{
    Ferry__Checkpoint__Record *read = (Ferry__Checkpoint__Record *)read_message(
        dir_fd, STORE_RECORD_NAME, record_magic, &ferry__checkpoint__record__descriptor, err);
    if (!read)
        return -1;
    if (check_record(read, err) < 0) {
        ferry__checkpoint__record__free_unpacked(read, NULL);
        return -1;
    }
    *record = read;
    return 0;
}

int record_unpack(const void *packed, size_t size, Ferry__Checkpoint__Record **record, struct fy_error *err)
{
    Ferry__Checkpoint__Record *read = ferry__checkpoint__record__unpack(NULL, size, packed);
    if (!read)
        return fy_error_set(err, FY_E_VERIFY, "a record that cannot be read");
    if (check_record(read, err) < 0) {
        ferry__checkpoint__record__free_unpacked(read, NULL);
        return -1;
    }
    *record = read;
    return 0;
}

int state_read(int dir_fd, Ferry__Checkpoint__State **state, struct fy_error *err)
{
    struct fy_error why = FY_ERROR_INIT;
    ProtobufCMessage *message =
        read_message(dir_fd, STORE_STATE_NAME, state_magic, &ferry__checkpoint__state__descriptor, &why);
    if (!message && why.code == FY_E_NOT_FOUND)
        message = protobuf_c_message_unpack(&ferry__checkpoint__state__descriptor, NULL, 0, NULL);
    if (!message) {
        fy_error_propagate(err, &why);
        return fy_error_set(err, FY_E_NOMEM, "no memory for a checkpoint's state");
    }
    *state = (Ferry__Checkpoint__State *)message;
    return 0;
}

/* ---- writing ---- */

static int wrap(struct fy_buf *out, const char *magic, const ProtobufCMessage *message, struct fy_error *err)
{
    uint8_t hash[FY_STORED_HASH_BYTES];
    size_t packed = protobuf_c_message_get_packed_size(message);
    uint32_t length = (uint32_t)packed;
    if (packed > STORE_RECORD_LIMIT - 4096)
        return fy_error_set(err, FY_E_LIMIT, "a record of %zu bytes is too long", packed);
    if (fy_buf_append(out, magic, MAGIC_BYTES, err) < 0 || fy_buf_append(out, &length, sizeof length, err) < 0 ||
        fy_buf_reserve(out, packed, err) < 0)
        return -1;
    out->size += protobuf_c_message_pack(message, out->data + out->size);
    if (hash_of(out->data, out->size, hash, err) < 0)
        return -1;
    return fy_buf_append(out, hash, sizeof hash, err);
}

/* Beside the old one, on the disk, and then in its place. */
static int replace_file(int dir_fd, const char *name, const struct fy_buf *content, struct fy_error *err)
{
    char beside[64];
    (void)snprintf(beside, sizeof beside, ".%s", name);
    FY_AUTO_CLOSE int fd = openat(dir_fd, beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return fy_error_errno(err, errno, "creating %s", name);
    if (fy_fs_write_all(fd, content->data, content->size, err) < 0)
        return fy_error_wrap(err, "writing %s", name);
    if (fdatasync(fd) < 0 || renameat(dir_fd, beside, dir_fd, name) < 0 || fsync(dir_fd) < 0)
        return fy_error_errno(err, errno, "writing %s", name);
    return 0;
}

static int write_message(int dir_fd, const char *name, const char *magic, const ProtobufCMessage *message,
                         struct fy_error *err)
{
    struct fy_buf content;
    fy_buf_init(&content, 0);
    int result = wrap(&content, magic, message, err);
    if (result == 0)
        result = replace_file(dir_fd, name, &content, err);
    fy_buf_done(&content);
    return result;
}

int record_write(int dir_fd, const Ferry__Checkpoint__Record *record, struct fy_error *err)
{
    return write_message(dir_fd, STORE_RECORD_NAME, record_magic, &record->base, err);
}

int state_write(int dir_fd, const Ferry__Checkpoint__State *state, struct fy_error *err)
{
    return write_message(dir_fd, STORE_STATE_NAME, state_magic, &state->base, err);
}

/* ---- in memory ---- */

Ferry__Checkpoint__Record *record_copy(const Ferry__Checkpoint__Record *record, struct fy_error *err)
{
    size_t size = ferry__checkpoint__record__get_packed_size(record);
    FY_AUTO_FREE uint8_t *packed = malloc(size + 1);
    Ferry__Checkpoint__Record *copy = NULL;
    if (packed)
        copy = ferry__checkpoint__record__unpack(NULL, ferry__checkpoint__record__pack(record, packed), packed);
    if (!copy)
        fy_error_set(err, FY_E_NOMEM, "no memory for a checkpoint's record");
    return copy;
}

const Ferry__Checkpoint__File *record_file(const Ferry__Checkpoint__Record *record, const char *path)
{
    for (size_t i = 0; i < record->n_files; i++) {
        if (strcmp(record->files[i]->path, path) == 0)
            return record->files[i];
    }
    return NULL;
}

/* ---- for a catalogue ---- */

int fy_checkpoint_pack(const struct fy_checkpoint *checkpoint, uint8_t **packed, size_t *size, struct fy_error *err)
{
    Ferry__Checkpoint__Record record = *checkpoint->record;
    Ferry__Checkpoint__Row row = FERRY__CHECKPOINT__ROW__INIT;
    struct fy_buf content;
    record.files = NULL;
    record.n_files = 0;
    row.record = &record;
    row.state = checkpoint->state;
    row.real_bytes = checkpoint->real_bytes;
    fy_buf_init(&content, 0);
    if (wrap(&content, row_magic, &row.base, err) < 0) {
        fy_buf_done(&content);
        return -1;
    }
    *packed = content.data;
    *size = content.size;
    return 0;
}

int fy_checkpoint_unpack(const void *packed, size_t size, struct fy_checkpoint **checkpoint, struct fy_error *err)
{
    Ferry__Checkpoint__Row *row =
        (Ferry__Checkpoint__Row *)unwrap(packed, size, row_magic, "a row", &ferry__checkpoint__row__descriptor, err);
    if (!row)
        return -1;
    struct fy_checkpoint *unpacked = calloc(1, sizeof *unpacked);
    int result = unpacked ? check_record(row->record, err)
                          : fy_error_set(err, FY_E_NOMEM, "no memory for a checkpoint's record");
    if (result == 0) {
        *unpacked = (struct fy_checkpoint){fy_take(row->record), fy_take(row->state), row->real_bytes};
        *checkpoint = fy_take(unpacked);
    }
    free(unpacked);
    ferry__checkpoint__row__free_unpacked(row, NULL);
    return result;
}
