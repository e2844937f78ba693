/* Reads the files that signing needs; keys never lie in memory that is freed as it is. */
#include "manifest_input.h"

#include <errno.h>
#include <fcntl.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <string.h>
#include <sys/stat.h>

#define KEY_MAX_BYTES 16384
#define SIGNATURE_MAX_BYTES 16384
#define SIGNERS_MAX_BYTES (4u << 20)

static int read_key(const char *path, char key[KEY_MAX_BYTES], size_t *size, struct fy_error *err)
{
    struct stat status;
    FY_AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t count;

    if (fd < 0 || fstat(fd, &status) < 0)
        return fy_error_errno(err, errno, "cannot open %s", path);
    if (!S_ISREG(status.st_mode) || status.st_size > KEY_MAX_BYTES)
        return fy_error_set(err, FY_E_FORMAT, "%s is not a private key file", path);
    if (status.st_mode & 077) {
        (void)fy_error_set(err, FY_E_DENIED, "%s can be read by others, so the key in it may be known", path);
        return fy_error_next(err, "chmod 600 %s, or use another key.", path);
    }
    count = read(fd, key, KEY_MAX_BYTES);
    if (count < 0)
        return fy_error_errno(err, errno, "cannot read %s", path);
    *size = (size_t)count;
    return 0;
}

int manifest_sign_with(struct fy_manifest *manifest, const char *key_path, struct fy_error *err)
{
    char key[KEY_MAX_BYTES];
    size_t size = 0;
    int result = read_key(key_path, key, &size, err);

    if (result == 0 && fy_manifest_sign(manifest, key, size, NULL, err) < 0)
        result = fy_error_wrap(err, "%s", key_path);
    explicit_bzero(key, sizeof(key));
    return result;
}

int manifest_import_from(struct fy_manifest *manifest, const char *path, struct fy_error *err)
{
    FY_AUTO_FREE char *text = NULL;
    size_t size;

    if (fy_fs_read_file(path, SIGNATURE_MAX_BYTES, &text, &size, err) < 0)
        return -1;
    return fy_manifest_import_signature(manifest, text, size, NULL, err) < 0 ? fy_error_wrap(err, "%s", path) : 0;
}

int manifest_read_signers(const char *path, struct fy_signers **signers, struct fy_error *err)
{
    FY_AUTO_FREE char *text = NULL;
    size_t size;

    if (fy_fs_read_file(path, SIGNERS_MAX_BYTES, &text, &size, err) < 0)
        return -1;
    return fy_signers_parse(text, size, path, signers, err);
}
