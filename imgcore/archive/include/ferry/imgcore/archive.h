/* Checkpoints in the forms of other programs: podman's checkpoint archive, a plain tar for CRIU itself, an OCI image.
 *
 *     podman's archive                         image set                        plain tar
 *     checkpoint/inventory.img, …      <->     inventory.img, …         <->     inventory.img, …
 *     config.dump, spec.dump,
 *     rootfs-diff.tar, …               <->     podman.tar
 *
 * So the image set of a podman container is CRIU's images, runc's descriptors.json and FY_ARCHIVE_REST, an uncompressed
 * tar of all that podman wants to have back beside them. An OCI image holds the same tar as its one layer.
 *
 * Everything here blocks, and uses less than 4 MiB of memory whatever the size. Archives that are read are hostile:
 * only plain files and directories are taken, each once, under names that cannot leave the set, and never more bytes
 * than the caller allows, however small the archive is. */
#ifndef FERRY_IMGCORE_ARCHIVE_H
#define FERRY_IMGCORE_ARCHIVE_H

#include <ferry/base/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FY_ARCHIVE_REST "podman.tar"
#define FY_ARCHIVE_MAX_ENTRIES 262144u

enum fy_archive_compression { FY_ARCHIVE_NONE, FY_ARCHIVE_GZIP, FY_ARCHIVE_ZSTD };
enum fy_archive_format { FY_ARCHIVE_PODMAN, FY_ARCHIVE_PLAIN };

/* "none", "gzip" or "zstd"; FY_E_USAGE. */
int fy_archive_compression_parse(const char *text, enum fy_archive_compression *compression, struct fy_error *err);

/* ---- writing: `images_fd` is the directory of a whole image set, `out_fd` is written from where it stands ---- */

/* FY_E_UNSUPPORTED when the set has no FY_ARCHIVE_REST: podman could not make the container. `images_link` (may be
 * NULL) is a path on this host: the archive then has a link to it in the place of the images, which podman and CRIU
 * follow, so that gigabytes need not be copied twice. */
int fy_archive_write_podman(int images_fd, const char *images_link, enum fy_archive_compression compression, int out_fd,
                            struct fy_error *err);
/* The same, uncompressed, of the container that `config` (a whole config.dump) says, in the place of its own. */
int fy_archive_write_podman_as(int images_fd, const char *images_link, const char *config, int out_fd,
                               struct fy_error *err);
/* The image set's files alone, without FY_ARCHIVE_REST. */
int fy_archive_write_plain(int images_fd, enum fy_archive_compression compression, int out_fd, struct fy_error *err);

struct fy_archive_annotation {
    const char *key;
    const char *value;
};

struct fy_archive_oci {
    const char *reference;    /* name of the image inside the archive; NULL: none */
    const char *architecture; /* as Go names it: "amd64" */
    int64_t created_s;        /* since the epoch */
    const struct fy_archive_annotation *annotations;
    size_t annotation_count;
};

/* An oci-archive as skopeo and podman read it. Its one layer is podman's archive, or, when the set has no
 * FY_ARCHIVE_REST, the images below checkpoint/ alone. `out_fd` must be a regular file: the layer's name is its hash,
 * which is only known when it has been written (FY_E_UNSUPPORTED). */
int fy_archive_write_oci(int images_fd, const struct fy_archive_oci *image, enum fy_archive_compression compression,
                         int out_fd, struct fy_error *err);
/* What the machine's architecture is called there. */
const char *fy_archive_oci_architecture(void);

/* ---- reading ---- */

struct fy_archive_summary {
    enum fy_archive_format format; /* FY_ARCHIVE_PODMAN: there is a FY_ARCHIVE_REST with config.dump and spec.dump */
    bool was_oci;
    uint64_t bytes; /* of the files, uncompressed */
    uint32_t files; /* images */
};

/* Any of the three forms, with any of the three compressions, from a regular file into the empty directory
 * `images_fd`; what CRIU's images hold is not looked at. FY_E_FORMAT, FY_E_LIMIT beyond `limit_bytes` or
 * FY_ARCHIVE_MAX_ENTRIES; what was written before a failure stays, for the caller to remove. */
int fy_archive_read(int in_fd, int images_fd, uint64_t limit_bytes, struct fy_archive_summary *summary,
                    struct fy_error *err);

/* What podman has written by itself, uncompressed, as the FY_ARCHIVE_REST of the image set: all but the images in it,
 * which are none or are those of an earlier checkpoint. */
int fy_archive_keep_rest(int in_fd, int images_fd, struct fy_error *err);

/* ---- what podman says about the container ---- */

struct fy_podman_config {
    char id[72];       /* 64 hexadecimal digits */
    char name[256];    /* as podman allows it: [a-zA-Z0-9][a-zA-Z0-9_.-]* */
    char image[512];   /* name of the image it was made of; "" when podman has none */
    char image_id[72]; /* 64 hexadecimal digits; "" when it has no image */
    char runtime[64];  /* "runc" */
    char created[64];  /* as podman writes it: RFC 3339 */
};

/* From config.dump in the set's FY_ARCHIVE_REST. FY_E_NOT_FOUND without one, FY_E_FORMAT. */
int fy_podman_config_read(int images_fd, struct fy_podman_config *config, struct fy_error *err);
/* All of it as it stands there, JSON, NUL-terminated; freed by the caller. */
int fy_podman_config_text(int images_fd, char **text, struct fy_error *err);

#endif
