/* Files and directories: the handful of operations that every module needs, with errors that name the path. */
#ifndef FERRY_BASE_FS_H
#define FERRY_BASE_FS_H

#include <ferry/base/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Whole file as a NUL-terminated buffer the caller frees; `size` may be NULL. FY_E_LIMIT beyond `limit_bytes`. */
int fy_fs_read_file(const char *path, size_t limit_bytes, char **data, size_t *size, struct fy_error *err);
/* The same for a regular file in an open directory; a symbolic link is refused (FY_E_DENIED). */
int fy_fs_read_file_at(int dir_fd, const char *name, size_t limit_bytes, char **data, size_t *size,
                       struct fy_error *err);
/* Creates or replaces `path` with the bytes (not durable, not atomic); `mode` is for a new file, under the umask. */
int fy_fs_write_file(const char *path, const void *data, size_t size, mode_t mode, struct fy_error *err);
int fy_fs_write_all(int fd, const void *data, size_t size, struct fy_error *err);
/* As `mkdir -p`; the last component gets `mode`, missing parents 0755. */
int fy_fs_make_directories(const char *path, mode_t mode, struct fy_error *err);
/* Removes a tree (or a file) without following links; a path that is not there is no error. A mount inside is refused
 * (FY_E_BUSY), nesting over 128 directories too (FY_E_LIMIT); what was removed before that stays removed. */
int fy_fs_remove_tree(const char *path, struct fy_error *err);
/* Bytes that an unprivileged writer could still put on the file system of `path`. */
int fy_fs_available_bytes(const char *path, uint64_t *bytes, struct fy_error *err);
/* A file name without '/', not "", "." or "..", at most 255 bytes of printable ASCII. */
bool fy_fs_is_plain_name(const char *name);

#endif
