/* The layer of an oci-archive: index.json names the manifest, the manifest names the layer. Each is looked for from the
 * archive's beginning, as their order is the writer's; libarchive skips what is not wanted by seeking. What is named by
 * its hash is checked against it. */
#include <errno.h>
#include <ferry/base/cleanup.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "extract.h"
#include "json_text.h"
#include "oci.h"
#include "read.h"
#include "reader.h"
#include "sink.h"

#define DOCUMENT_LIMIT_BYTES ((size_t)256 * 1024)

struct descriptor {
    char hex[SINK_HEX_SIZE];
    uint64_t bytes;
};

/* ---- entries by name ---- */

/* Positions a fresh reader at the entry. */
static int seek_entry(int fd, const char *name, struct archive **reader_out, struct entry *entry, struct fy_error *err)
{
    FY_CLEANUP(reader_cleanup) struct archive *reader = NULL;
    struct archive_entry *raw;
    if (lseek(fd, 0, SEEK_SET) < 0)
        return fy_error_set(err, FY_E_IO, "cannot read the archive again");
    if (reader_open(fd, &reader, err) < 0)
        return -1;
    for (uint32_t count = 0; count < FY_ARCHIVE_MAX_ENTRIES; count++) {
        int found = reader_next(reader, &raw, err);
        if (found < 0)
            return -1;
        if (found == 0)
            break;
        if (entry_check(raw, entry, err) < 0)
            return -1;
        if (strcmp(entry->name, name) == 0 && !entry->is_directory) {
            *reader_out = fy_take(reader);
            return 0;
        }
    }
    return fy_error_set(err, FY_E_FORMAT, "there is no %s in the OCI archive", name);
}

static int read_document(int fd, const char *name, char **text, size_t *size, struct fy_error *err)
{
    FY_CLEANUP(reader_cleanup) struct archive *reader = NULL;
    struct entry entry;
    if (seek_entry(fd, name, &reader, &entry, err) < 0)
        return -1;
    return extract_text(reader, name, entry.size_bytes, DOCUMENT_LIMIT_BYTES, text, size, err);
}

/* ---- documents ---- */

static int read_descriptor(yajl_val value, const char *what, struct descriptor *descriptor, struct fy_error *err)
{
    const char *digest = json_text_string(value, "digest", NULL);
    long long size = json_text_number(value, "size");
    if (!digest || strncmp(digest, OCI_DIGEST, strlen(OCI_DIGEST)) != 0 || size < 0)
        return fy_error_set(err, FY_E_FORMAT, "the OCI archive does not say which %s it has", what);
    digest += strlen(OCI_DIGEST);
    if (strlen(digest) != SINK_HEX_SIZE - 1 || strspn(digest, "0123456789abcdef") != SINK_HEX_SIZE - 1)
        return fy_error_set(err, FY_E_FORMAT, "the OCI archive's %s has no SHA-256", what);
    memcpy(descriptor->hex, digest, SINK_HEX_SIZE);
    descriptor->bytes = (uint64_t)size;
    return 0;
}

/* The only element of an array of the document. */
static int read_only_one(yajl_val tree, const char *array_name, const char *what, const char *type,
                         struct descriptor *descriptor, struct fy_error *err)
{
    yajl_val array = json_text_array(tree, array_name);
    size_t count = array ? YAJL_GET_ARRAY(array)->len : 0;
    if (count != 1)
        return fy_error_set(err, FY_E_FORMAT, "the OCI archive has %zu %ss, and a checkpoint's image has one", count,
                            what);
    yajl_val value = YAJL_GET_ARRAY(array)->values[0];
    const char *media = json_text_string(value, "mediaType", NULL);
    if (!media || strncmp(media, type, strlen(type)) != 0)
        return fy_error_set(err, FY_E_FORMAT, "the OCI archive's %s is of another type: %.100s", what,
                            media ? media : "none is said");
    return read_descriptor(value, what, descriptor, err);
}

static int check_hash(EVP_MD_CTX *hash, uint64_t bytes, const struct descriptor *descriptor, const char *what,
                      struct fy_error *err)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    char hex[SINK_HEX_SIZE];
    unsigned size = 0;
    if (EVP_DigestFinal_ex(hash, digest, &size) != 1)
        return fy_error_set(err, FY_E_INTERNAL, "SHA-256 failed");
    for (unsigned i = 0; i < size; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    if (bytes == descriptor->bytes && strcmp(hex, descriptor->hex) == 0)
        return 0;
    return fy_error_set(err, FY_E_VERIFY, "the OCI archive is damaged: its %s is not what " OCI_DIGEST "%s names", what,
                        descriptor->hex);
}

static void cleanup_hash(EVP_MD_CTX **hash)
{
    EVP_MD_CTX_free(*hash);
}

static int check_text(const char *text, size_t size, const struct descriptor *descriptor, const char *what,
                      struct fy_error *err)
{
    FY_CLEANUP(cleanup_hash) EVP_MD_CTX *hash = EVP_MD_CTX_new();
    if (!hash || EVP_DigestInit_ex(hash, EVP_sha256(), NULL) != 1 || EVP_DigestUpdate(hash, text, size) != 1)
        return fy_error_set(err, FY_E_NOMEM, "no memory for a hash");
    return check_hash(hash, size, descriptor, what, err);
}

static int find_manifest(int fd, struct descriptor *manifest, struct fy_error *err)
{
    FY_AUTO_FREE char *text = NULL;
    size_t size = 0;
    yajl_val tree = NULL;
    if (read_document(fd, OCI_INDEX, &text, &size, err) < 0 || json_text_parse(text, size, OCI_INDEX, &tree, err) < 0)
        return -1;
    int status = read_only_one(tree, "manifests", "manifest", OCI_TYPE_MANIFEST, manifest, err);
    yajl_tree_free(tree);
    return status;
}

static int find_layer(int fd, const struct descriptor *manifest, struct descriptor *layer, struct fy_error *err)
{
    char name[sizeof OCI_BLOBS + SINK_HEX_SIZE];
    FY_AUTO_FREE char *text = NULL;
    size_t size = 0;
    yajl_val tree = NULL;
    (void)snprintf(name, sizeof name, OCI_BLOBS "%s", manifest->hex);
    if (read_document(fd, name, &text, &size, err) < 0 || check_text(text, size, manifest, "manifest", err) < 0 ||
        json_text_parse(text, size, "the manifest", &tree, err) < 0)
        return -1;
    int status = read_only_one(tree, "layers", "layer", OCI_TYPE_LAYER, layer, err);
    yajl_tree_free(tree);
    return status;
}

/* ---- the layer ---- */

struct layer {
    struct archive *outer;
    EVP_MD_CTX *hash;
    uint64_t bytes;
    char block[READER_BLOCK_BYTES];
};

static la_ssize_t read_layer(struct archive *inner, void *data, const void **block)
{
    struct layer *layer = data;
    la_ssize_t count;
    do
        count = archive_read_data(layer->outer, layer->block, sizeof layer->block);
    while (count == ARCHIVE_RETRY);
    if (count < 0 || EVP_DigestUpdate(layer->hash, layer->block, (size_t)count) != 1) {
        const char *words = archive_error_string(layer->outer);
        archive_set_error(inner, EINVAL, "%s", words ? words : "the layer cannot be read");
        return -1;
    }
    layer->bytes += (uint64_t)count;
    *block = layer->block;
    return count;
}

/* What follows the tar's end belongs to the hash as well. */
static int drain(struct layer *layer, struct fy_error *err)
{
    const void *block;
    la_ssize_t count;
    while ((count = read_layer(layer->outer, layer, &block)) > 0)
        continue;
    return count == 0 ? 0 : reader_fail(layer->outer, "the layer cannot be read", err);
}

static int read_inner(struct layer *layer, int images_fd, uint64_t limit_bytes, struct fy_archive_summary *summary,
                      struct fy_error *err)
{
    FY_CLEANUP(reader_cleanup) struct archive *inner = NULL;
    struct allowance allowance = {.limit_bytes = limit_bytes};
    if (reader_open_nested(read_layer, layer, &inner, err) < 0)
        return -1;
    return read_container(inner, images_fd, &allowance, summary, err);
}

static void cleanup_layer(struct layer **layer)
{
    if (*layer)
        EVP_MD_CTX_free((*layer)->hash);
    free(*layer);
}

static int read_blob(struct archive *outer, const struct descriptor *descriptor, int images_fd, uint64_t limit_bytes,
                     struct fy_archive_summary *summary, struct fy_error *err)
{
    FY_CLEANUP(cleanup_layer) struct layer *layer = calloc(1, sizeof *layer);
    struct fy_archive_summary read = {.was_oci = true};
    if (!layer || !(layer->hash = EVP_MD_CTX_new()) || EVP_DigestInit_ex(layer->hash, EVP_sha256(), NULL) != 1)
        return fy_error_set(err, FY_E_NOMEM, "no memory for a layer");
    layer->outer = outer;
    if (read_inner(layer, images_fd, limit_bytes, &read, err) < 0 || drain(layer, err) < 0 ||
        check_hash(layer->hash, layer->bytes, descriptor, "layer", err) < 0)
        return -1;
    read.was_oci = true;
    *summary = read;
    return 0;
}

int oci_read(int in_fd, int images_fd, uint64_t limit_bytes, struct fy_archive_summary *summary, struct fy_error *err)
{
    FY_CLEANUP(reader_cleanup) struct archive *outer = NULL;
    char name[sizeof OCI_BLOBS + SINK_HEX_SIZE];
    struct descriptor manifest;
    struct descriptor layer;
    struct entry entry;
    if (find_manifest(in_fd, &manifest, err) < 0 || find_layer(in_fd, &manifest, &layer, err) < 0)
        return -1;
    (void)snprintf(name, sizeof name, OCI_BLOBS "%s", layer.hex);
    if (seek_entry(in_fd, name, &outer, &entry, err) < 0)
        return -1;
    return read_blob(outer, &layer, images_fd, limit_bytes, summary, err);
}
