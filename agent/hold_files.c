/* Writes what CRIU reads. CRIU 4.2's configuration has no quoting that keeps blanks, and executes the script without a
 * shell: so every path and name that goes into these files is of plain characters only. */
#include "hold_files.h"

#include <ferry/base/buf.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>

#include <errno.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define USER_OPTIONS_LIMIT_BYTES ((size_t)64 * 1024)
#define PATH_SIZE 4096

int fy_hold_make_token(char token[FY_HOLD_TOKEN_SIZE], struct fy_error *err)
{
    uint8_t bytes[(FY_HOLD_TOKEN_SIZE - 1) / 2];
    if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
        return fy_error_errno(err, errno, "cannot get random bytes");
    for (size_t i = 0; i < sizeof(bytes); i++)
        (void)snprintf(token + 2 * i, 3, "%02x", bytes[i]);
    return 0;
}

static int check_plain(const char *what, const char *text, struct fy_error *err)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+:@%=,~";
    if (*text && text[strspn(text, plain)] == '\0')
        return 0;
    fy_error_set(err, FY_E_UNSUPPORTED, "the %s '%s' holds a character that CRIU's configuration cannot carry", what,
                 text);
    return fy_error_next(err, "choose a path of letters, digits and /._-+:@%%=,~ only");
}

/* On many hosts /run is mounted noexec, and CRIU executes the script. */
static int check_executable(const char *directory, struct fy_error *err)
{
    struct statvfs status;
    if (statvfs(directory, &status) < 0)
        return fy_error_errno(err, errno, "cannot look at the file system of %s", directory);
    if (!(status.f_flag & ST_NOEXEC))
        return 0;
    fy_error_set(err, FY_E_UNSUPPORTED,
                 "%s is on a file system mounted noexec, so CRIU could not run the script that holds it", directory);
    return fy_error_next(err, "set state_dir to a file system that allows executing");
}

static const char *users_home(void)
{
    const char *home = getenv("HOME");
    if (home && *home)
        return home;
    const struct passwd *user = getpwuid(geteuid());
    return user ? user->pw_dir : "/root";
}

/* Runtimes make CRIU read this file; with another HOME it would be missed. */
static int append_users_options(struct fy_buf *text, struct fy_error *err)
{
    char path[PATH_SIZE];
    FY_AUTO_FREE char *options = NULL;
    struct fy_error why = FY_ERROR_INIT;
    (void)snprintf(path, sizeof(path), "%s/.criu/default.conf", users_home());
    if (fy_fs_read_file(path, USER_OPTIONS_LIMIT_BYTES, &options, NULL, &why) == 0)
        return fy_buf_printf(text, err, "%s\n", options);
    if (why.code == FY_E_NOT_FOUND)
        return 0;
    fy_error_propagate(err, &why);
    return -1;
}

static int write_options(const struct fy_hold_files *files, const char *script_path, struct fy_error *err)
{
    char path[PATH_SIZE];
    struct fy_buf text;
    fy_buf_init(&text, 2 * USER_OPTIONS_LIMIT_BYTES);
    (void)snprintf(path, sizeof(path), "%s/.criu/default.conf", files->directory);
    int status = append_users_options(&text, err);
    if (status == 0)
        status = fy_buf_printf(&text, err, "action-script %s\n%s", script_path, files->extra_options);
    if (status == 0)
        status = fy_fs_write_file(path, text.data, text.size, 0600, err);
    fy_buf_done(&text);
    return status;
}

static int write_script(const struct fy_hold_files *files, const char *script_path, struct fy_error *err)
{
    FY_AUTO_FREE char *text = NULL;
    int size = asprintf(&text, "#!/bin/sh\nexec %s hold %s %s %s\n", files->client, files->socket_path, files->job_id,
                        files->token);
    if (size < 0)
        return fy_error_set(err, FY_E_NOMEM, "out of memory for the action script");
    return fy_fs_write_file(script_path, text, (size_t)size, 0700, err);
}

int fy_hold_write_files(const struct fy_hold_files *files, struct fy_error *err)
{
    char criu_directory[PATH_SIZE];
    char script_path[PATH_SIZE];
    if (strlen(files->directory) > PATH_SIZE - 32)
        return fy_error_set(err, FY_E_LIMIT, "the path %s is too long", files->directory);
    if (check_plain("directory", files->directory, err) < 0 || check_plain("program", files->client, err) < 0 ||
        check_plain("socket", files->socket_path, err) < 0 || check_plain("job id", files->job_id, err) < 0)
        return -1;
    (void)snprintf(criu_directory, sizeof(criu_directory), "%s/.criu", files->directory);
    (void)snprintf(script_path, sizeof(script_path), "%s/hold", files->directory);
    if (fy_fs_make_directories(files->directory, 0700, err) < 0 ||
        fy_fs_make_directories(criu_directory, 0700, err) < 0 || check_executable(files->directory, err) < 0)
        return -1;
    if (write_script(files, script_path, err) < 0)
        return -1;
    return write_options(files, script_path, err);
}
