/* Where the key comes from, and what is made of it. */
#include "key.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <ferry/base/cleanup.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#define TEXT_LIMIT 4096
#define COMMAND_LIMIT_MS 10000

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (uint8_t)tolower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool from_hex(const uint8_t *text, uint8_t bytes[KEY_BYTES])
{
    for (size_t i = 0; i < KEY_BYTES; i++) {
        int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

int fy_checkpoint_key_parse(const void *text, size_t size, const char *where, struct fy_checkpoint_key **key,
                            struct fy_error *err)
{
    const uint8_t *begin = text, *end = begin + size;
    struct fy_checkpoint_key *made = calloc(1, sizeof *made);
    if (!made)
        return fy_error_set(err, FY_E_NOMEM, "no memory for a key");
    if (size == KEY_BYTES) {
        memcpy(made->bytes, text, KEY_BYTES);
        *key = made;
        return 0;
    }
    while (begin < end && isspace(*begin))
        begin++;
    while (end > begin && isspace(end[-1]))
        end--;
    if (end - begin == 2 * KEY_BYTES && from_hex(begin, made->bytes)) {
        *key = made;
        return 0;
    }
    fy_checkpoint_key_free(made);
    fy_error_set(err, FY_E_CONFIG, "%s does not hold a key: 32 bytes, or 64 hexadecimal digits", where);
    return fy_error_next(err, "make one: head -c 32 /dev/urandom >FILE; chmod 600 FILE; and keep a copy elsewhere");
}

void fy_checkpoint_key_free(struct fy_checkpoint_key *key)
{
    if (!key)
        return;
    OPENSSL_cleanse(key, sizeof *key);
    free(key);
}

int fy_checkpoint_key_read(const char *path, struct fy_checkpoint_key **key, struct fy_error *err)
{
    struct stat st;
    uint8_t text[TEXT_LIMIT];
    FY_AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || fstat(fd, &st) < 0)
        return fy_error_errno(err, errno, "key file %s", path);
    if (!S_ISREG(st.st_mode) || (st.st_mode & 077)) {
        fy_error_set(err, FY_E_CONFIG, "key file %s can be read by others than its owner", path);
        return fy_error_next(err, "chmod 600 %s", path);
    }
    ssize_t size = read(fd, text, sizeof text);
    if (size < 0)
        return fy_error_errno(err, errno, "reading key file %s", path);
    int result = fy_checkpoint_key_parse(text, (size_t)size, path, key, err);
    OPENSSL_cleanse(text, sizeof text);
    return result;
}

/* ---- a command ---- */

static int64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Reads to the end, or until time is up: then -1. */
static ssize_t read_for(int fd, uint8_t *text, size_t limit, int64_t until_ms)
{
    size_t size = 0;
    for (;;) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        int64_t left = until_ms - now_ms();
        if (left <= 0 || poll(&wait, 1, (int)left) == 0)
            return -1;
        ssize_t got = read(fd, text + size, limit - size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? -1 : (ssize_t)size;
        size += (size_t)got;
    }
}

static int start_command(const char *command, int output, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    const char *const argv[] = {"sh", "-c", command, NULL};
    int status = posix_spawn_file_actions_init(&actions);
    if (status != 0)
        return status;
    (void)posix_spawnattr_init(&attributes);
    (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    (void)posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    (void)posix_spawn_file_actions_adddup2(&actions, output, 1);
    status = posix_spawn(pid, "/bin/sh", &actions, &attributes, (char *const *)argv, environ);
    (void)posix_spawnattr_destroy(&attributes);
    (void)posix_spawn_file_actions_destroy(&actions);
    return status;
}

int fy_checkpoint_key_run(const char *command, struct fy_checkpoint_key **key, struct fy_error *err)
{
    uint8_t text[TEXT_LIMIT];
    int pipe_fds[2], exit_status = -1;
    pid_t pid;
    if (pipe2(pipe_fds, O_CLOEXEC) < 0)
        return fy_error_errno(err, errno, "key command");
    int status = start_command(command, pipe_fds[1], &pid);
    (void)close(pipe_fds[1]);
    FY_AUTO_CLOSE int output = pipe_fds[0];
    if (status != 0)
        return fy_error_errno(err, status, "key command");
    ssize_t size = read_for(output, text, sizeof text, now_ms() + COMMAND_LIMIT_MS);
    if (size < 0)
        (void)kill(-pid, SIGKILL);
    while (waitpid(pid, &exit_status, 0) < 0 && errno == EINTR)
        ;
    if (size < 0)
        return fy_error_set(err, FY_E_TIMEOUT, "the key command did not end within 10 seconds");
    if (exit_status != 0) {
        fy_error_set(err, FY_E_CONFIG, "the key command failed (status %#x)", (unsigned)exit_status);
        return fy_error_next(err, "run it by hand: %s", command);
    }
    int result = fy_checkpoint_key_parse(text, (size_t)size, "the key command's output", key, err);
    OPENSSL_cleanse(text, sizeof text);
    return result;
}

/* ---- derived ---- */

int key_derive(const struct fy_checkpoint_key *key, const char *purpose, const void *salt, size_t salt_bytes,
               uint8_t derived[KEY_BYTES], struct fy_error *err)
{
    uint8_t input[128];
    size_t length = strlen(purpose) + 1;
    unsigned int size = 0;
    if (length + salt_bytes > sizeof input)
        return fy_error_set(err, FY_E_INTERNAL, "a salt of %zu bytes", salt_bytes);
    memcpy(input, purpose, length);
    if (salt_bytes)
        memcpy(input + length, salt, salt_bytes);
    if (!HMAC(EVP_sha256(), key->bytes, KEY_BYTES, input, length + salt_bytes, derived, &size) || size != KEY_BYTES)
        return fy_error_set(err, FY_E_INTERNAL, "a key could not be derived");
    return 0;
}

int fy_checkpoint_key_check(const struct fy_checkpoint_key *key, uint8_t check[FY_KEY_CHECK_BYTES],
                            struct fy_error *err)
{
    uint8_t derived[KEY_BYTES];
    if (key_derive(key, "ferry checkpoint key check", NULL, 0, derived, err) < 0)
        return -1;
    memcpy(check, derived, FY_KEY_CHECK_BYTES);
    return 0;
}
