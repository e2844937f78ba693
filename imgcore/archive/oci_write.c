/* A checkpoint as an OCI image.
 *
 *     blobs/sha256/LAYER      the tar of the checkpoint, compressed; its header is filled in afterwards
 *     blobs/sha256/CONFIG     names the hash of the tar before compression
 *     blobs/sha256/MANIFEST   names both, and has the annotations
 *     index.json, oci-layout
 *
 * The layer goes through two sinks: libarchive's tar is hashed, compressed, hashed again and written. */
#include <ferry/imgcore/archive.h>

#include <errno.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/json.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "oci.h"
#include "ustar.h"
#include "write.h"

struct blob {
    char hex[SINK_HEX_SIZE];
    uint64_t bytes;
};

struct image {
    const struct fy_archive_oci *options;
    enum fy_archive_compression compression;
    int fd;
    char created[32];
    char plain_hex[SINK_HEX_SIZE]; /* of the layer's tar */
    struct blob layer;
    struct blob config;
    struct blob manifest;
};

static void digest_of(const struct blob *blob, char digest[sizeof OCI_DIGEST + SINK_HEX_SIZE])
{
    (void)snprintf(digest, sizeof OCI_DIGEST + SINK_HEX_SIZE, OCI_DIGEST "%s", blob->hex);
}

/* ---- the layer ---- */

/* `plain` is hashed and goes as data into `packer`, whose own sink is hashed and written. */
static int write_layer_tar(struct image *image, int images_fd, struct sink *plain, struct sink *packed,
                           struct writer *packer, struct writer *tar, struct fy_error *err)
{
    const struct container_source source = {.images_fd = images_fd};
    if (sink_begin_hash(packed, err) < 0 || sink_begin_hash(plain, err) < 0 ||
        writer_open_stream(packer, packed, image->compression, err) < 0)
        return -1;
    plain->next = packer->archive;
    if (writer_open(tar, plain, FY_ARCHIVE_NONE, err) < 0 || write_container(tar, &source, err) < 0 ||
        writer_close(tar, err) < 0 || writer_close(packer, err) < 0)
        return -1;
    image->layer.bytes = packed->bytes;
    return sink_end_hash(plain, image->plain_hex, err) < 0 ? -1 : sink_end_hash(packed, image->layer.hex, err);
}

static int write_layer_bytes(struct image *image, int images_fd, struct fy_error *err)
{
    struct sink plain = {.fd = -1};
    struct sink packed = {.fd = image->fd};
    struct writer packer = {0};
    struct writer tar = {0};
    int status = write_layer_tar(image, images_fd, &plain, &packed, &packer, &tar, err);
    writer_done(&tar);
    writer_done(&packer);
    sink_done(&plain);
    sink_done(&packed);
    return status;
}

static int write_layer(struct image *image, int images_fd, struct fy_error *err)
{
    char name[sizeof OCI_BLOBS + SINK_HEX_SIZE];
    off_t header = lseek(image->fd, 0, SEEK_CUR);
    if (header < 0 || lseek(image->fd, USTAR_BLOCK_BYTES, SEEK_CUR) < 0)
        return fy_error_errno(err, errno, "cannot write the archive");
    if (write_layer_bytes(image, images_fd, err) < 0 || ustar_pad(image->fd, image->layer.bytes, err) < 0)
        return -1;
    (void)snprintf(name, sizeof name, OCI_BLOBS "%s", image->layer.hex);
    return ustar_write_header(image->fd, header, name, image->layer.bytes, image->options->created_s, err);
}

/* ---- the documents ---- */

static int write_blob(struct image *image, struct fy_json *json, struct blob *blob, struct fy_error *err)
{
    char name[sizeof OCI_BLOBS + SINK_HEX_SIZE];
    FY_AUTO_FREE char *text = NULL;
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned digest_size = 0;
    if (fy_json_finish(json, &text, err) < 0)
        return -1;
    blob->bytes = strlen(text);
    if (EVP_Digest(text, strlen(text), digest, &digest_size, EVP_sha256(), NULL) != 1)
        return fy_error_set(err, FY_E_INTERNAL, "SHA-256 failed");
    for (unsigned i = 0; i < digest_size; i++)
        (void)snprintf(blob->hex + 2 * i, 3, "%02x", digest[i]);
    (void)snprintf(name, sizeof name, OCI_BLOBS "%s", blob->hex);
    return ustar_write_file(image->fd, name, text, strlen(text), image->options->created_s, err);
}

static void add_config(const struct image *image, struct fy_json *json)
{
    char digest[sizeof OCI_DIGEST + SINK_HEX_SIZE];
    (void)snprintf(digest, sizeof digest, OCI_DIGEST "%s", image->plain_hex);
    fy_json_open_object(json, NULL);
    fy_json_string(json, "created", image->created);
    fy_json_string(json, "architecture", image->options->architecture);
    fy_json_string(json, "os", "linux");
    fy_json_open_object(json, "config");
    fy_json_close_object(json);
    fy_json_open_object(json, "rootfs");
    fy_json_string(json, "type", "layers");
    fy_json_open_array(json, "diff_ids");
    fy_json_string(json, NULL, digest);
    fy_json_close_array(json);
    fy_json_close_object(json);
    fy_json_open_array(json, "history");
    fy_json_open_object(json, NULL);
    fy_json_string(json, "created", image->created);
    fy_json_string(json, "created_by", "ferry checkpoint export");
    fy_json_close_object(json);
    fy_json_close_array(json);
    fy_json_close_object(json);
}

/* The members of a descriptor, in an object that is open. */
static void add_descriptor(struct fy_json *json, const char *type, const struct blob *blob)
{
    char digest[sizeof OCI_DIGEST + SINK_HEX_SIZE];
    digest_of(blob, digest);
    fy_json_string(json, "mediaType", type);
    fy_json_string(json, "digest", digest);
    fy_json_uint(json, "size", blob->bytes);
}

static const char *layer_type(enum fy_archive_compression compression)
{
    switch (compression) {
    case FY_ARCHIVE_GZIP:
        return OCI_TYPE_LAYER "+gzip";
    case FY_ARCHIVE_ZSTD:
        return OCI_TYPE_LAYER "+zstd";
    case FY_ARCHIVE_NONE:
        break;
    }
    return OCI_TYPE_LAYER;
}

static void add_manifest(const struct image *image, struct fy_json *json)
{
    fy_json_open_object(json, NULL);
    fy_json_uint(json, "schemaVersion", 2);
    fy_json_string(json, "mediaType", OCI_TYPE_MANIFEST);
    fy_json_open_object(json, "config");
    add_descriptor(json, OCI_TYPE_CONFIG, &image->config);
    fy_json_close_object(json);
    fy_json_open_array(json, "layers");
    fy_json_open_object(json, NULL);
    add_descriptor(json, layer_type(image->compression), &image->layer);
    fy_json_close_object(json);
    fy_json_close_array(json);
    fy_json_open_object(json, "annotations");
    for (size_t i = 0; i < image->options->annotation_count; i++)
        fy_json_string(json, image->options->annotations[i].key, image->options->annotations[i].value);
    fy_json_close_object(json);
    fy_json_close_object(json);
}

static void add_index(const struct image *image, struct fy_json *json)
{
    fy_json_open_object(json, NULL);
    fy_json_uint(json, "schemaVersion", 2);
    fy_json_open_array(json, "manifests");
    fy_json_open_object(json, NULL);
    add_descriptor(json, OCI_TYPE_MANIFEST, &image->manifest);
    if (image->options->reference) {
        fy_json_open_object(json, "annotations");
        fy_json_string(json, "org.opencontainers.image.ref.name", image->options->reference);
        fy_json_close_object(json);
    }
    fy_json_close_object(json);
    fy_json_close_array(json);
    fy_json_close_object(json);
}

static int write_document(struct image *image, void (*add)(const struct image *, struct fy_json *), struct blob *blob,
                          struct fy_error *err)
{
    struct fy_json *json = fy_json_new(false);
    if (!json)
        return fy_error_set(err, FY_E_NOMEM, "no memory for an image's description");
    add(image, json);
    int status = write_blob(image, json, blob, err);
    fy_json_free(json);
    return status;
}

static int write_index(struct image *image, struct fy_error *err)
{
    static const char layout[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
    FY_AUTO_FREE char *text = NULL;
    struct fy_json *json = fy_json_new(false);
    if (!json)
        return fy_error_set(err, FY_E_NOMEM, "no memory for an image's description");
    add_index(image, json);
    int status = fy_json_finish(json, &text, err);
    fy_json_free(json);
    if (status < 0 || ustar_write_file(image->fd, OCI_INDEX, text, strlen(text), image->options->created_s, err) < 0 ||
        ustar_write_file(image->fd, OCI_LAYOUT, layout, strlen(layout), image->options->created_s, err) < 0)
        return -1;
    return ustar_end(image->fd, err);
}

/* ---- all of it ---- */

const char *fy_archive_oci_architecture(void)
{
#if defined(__x86_64__)
    return "amd64";
#elif defined(__aarch64__)
    return "arm64";
#else
#error "what does Go call this architecture?"
#endif
}

int fy_archive_write_oci(int images_fd, const struct fy_archive_oci *options, enum fy_archive_compression compression,
                         int out_fd, struct fy_error *err)
{
    struct image image = {.options = options, .compression = compression, .fd = out_fd};
    struct stat status;
    struct tm when;
    time_t seconds = (time_t)options->created_s;
    if (fstat(out_fd, &status) < 0 || !S_ISREG(status.st_mode))
        return fy_error_set(err, FY_E_UNSUPPORTED, "an OCI image can only be written to a regular file");
    if (!gmtime_r(&seconds, &when) || strftime(image.created, sizeof image.created, "%Y-%m-%dT%H:%M:%SZ", &when) == 0)
        return fy_error_set(err, FY_E_INTERNAL, "the checkpoint's time is none");
    if (write_layer(&image, images_fd, err) < 0 || write_document(&image, add_config, &image.config, err) < 0 ||
        write_document(&image, add_manifest, &image.manifest, err) < 0)
        return -1;
    return write_index(&image, err);
}
