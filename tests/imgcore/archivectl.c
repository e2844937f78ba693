/* archivectl: checkpoints in other forms from the command line, without a store around them, for tests with the
 * programs whose forms they are.
 *
 *     archivectl write podman|plain|oci none|gzip|zstd IMAGES-DIR FILE [LINK]
 *     archivectl read FILE IMAGES-DIR [LIMIT-BYTES]
 *     archivectl config IMAGES-DIR
 */
#include <errno.h>
#include <fcntl.h>
#include <ferry/base/cleanup.h>
#include <ferry/imgcore/archive.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static int open_directory(const char *path, struct fy_error *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        (void)fy_error_errno(err, errno, "%s", path);
    return fd;
}

static int write_form(char **arguments, struct fy_error *err)
{
    enum fy_archive_compression compression;
    FY_AUTO_CLOSE int images = open_directory(arguments[2], err);
    FY_AUTO_CLOSE int out = open(arguments[3], O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (images < 0 || fy_archive_compression_parse(arguments[1], &compression, err) < 0)
        return -1;
    if (strcmp(arguments[0], "podman") == 0)
        return fy_archive_write_podman(images, arguments[4], compression, out, err);
    if (strcmp(arguments[0], "plain") == 0)
        return fy_archive_write_plain(images, compression, out, err);
    const struct fy_archive_annotation annotations[] = {{"io.kubernetes.cri-o.annotations.checkpoint.name", "test"}};
    const struct fy_archive_oci image = {.reference = "test",
                                         .architecture = fy_archive_oci_architecture(),
                                         .annotations = annotations,
                                         .annotation_count = FY_ARRAY_SIZE(annotations)};
    return fy_archive_write_oci(images, &image, compression, out, err);
}

static int read_form(char **arguments, struct fy_error *err)
{
    struct fy_archive_summary summary;
    FY_AUTO_CLOSE int in = open(arguments[0], O_RDONLY | O_CLOEXEC);
    FY_AUTO_CLOSE int images = open_directory(arguments[1], err);
    uint64_t limit = arguments[2] ? strtoull(arguments[2], NULL, 10) : UINT64_C(1) << 40;
    if (images < 0 || fy_archive_read(in, images, limit, &summary, err) < 0)
        return -1;
    printf("%s%s %" PRIu32 " %" PRIu64 "\n", summary.was_oci ? "oci-" : "",
           summary.format == FY_ARCHIVE_PODMAN ? "podman" : "plain", summary.files, summary.bytes);
    return 0;
}

static int show_config(char **arguments, struct fy_error *err)
{
    struct fy_podman_config config;
    FY_AUTO_CLOSE int images = open_directory(arguments[0], err);
    if (images < 0 || fy_podman_config_read(images, &config, err) < 0)
        return -1;
    printf("%s %s %s %s %s\n", config.id, config.name, config.image, config.image_id, config.runtime);
    return 0;
}

int main(int argc, char **argv)
{
    struct fy_error err = FY_ERROR_INIT;
    int status = -1;
    if (argc >= 6 && strcmp(argv[1], "write") == 0)
        status = write_form(argv + 2, &err);
    else if (argc >= 4 && strcmp(argv[1], "read") == 0)
        status = read_form(argv + 2, &err);
    else if (argc == 3 && strcmp(argv[1], "config") == 0)
        status = show_config(argv + 2, &err);
    else
        fy_error_set(&err, FY_E_USAGE, "see the head of archivectl.c");
    if (status < 0)
        fprintf(stderr, "archivectl: %s: %s\n", fy_code_name(err.code), err.message);
    return status < 0;
}
