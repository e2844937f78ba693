/* See peer_keys.h. */
#include "peer_keys.h"

#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <libgen.h>
#include <string.h>
#include <sys/stat.h>

#define KEY_LIMIT_BYTES ((size_t)64 * 1024)
#define SCAN_SECONDS "10"

/* ---- our own ---- */

static int make_directory_of(const char *path, struct fy_error *err)
{
    FY_AUTO_FREE char *copy = strdup(path);
    if (!copy)
        return fy_error_set(err, FY_E_NOMEM, "no memory for a path");
    return fy_fs_make_directories(dirname(copy), 0755, err);
}

static int make_key(const char *path, const char *comment, struct fy_error *err)
{
    FY_AUTO_FREE char *output = NULL;
    const char *const argv[] = {"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", path, NULL};
    if (make_directory_of(path, err) < 0 || program_output(argv, &output, err) < 0)
        return fy_error_wrap(err, "making the key %s", path);
    return 0;
}

/* From the private key, which is what counts. */
static int read_public_key(const char *path, char **public_key, struct fy_error *err)
{
    const char *const argv[] = {"ssh-keygen", "-y", "-P", "", "-f", path, NULL};
    if (program_output(argv, public_key, err) < 0) {
        (void)fy_error_wrap(err, "reading the key %s", path);
        return fy_error_next(err, "ferry needs a private key without passphrase that its user can read");
    }
    (*public_key)[strcspn(*public_key, "\r\n")] = '\0';
    return 0;
}

int peer_keys_own(const char *path, const char *comment, bool *made, char **public_key, struct fy_error *err)
{
    struct stat st;
    *made = lstat(path, &st) < 0 && errno == ENOENT;
    if (*made && make_key(path, comment, err) < 0)
        return -1;
    return read_public_key(path, public_key, err);
}

/* ---- the host's ---- */

void peer_host_key_done(struct peer_host_key *key)
{
    free(key->line);
    free(key->fingerprint);
    free(key->pinned);
}

/* The first line that is not a comment, cut off behind it; NULL when there is none. */
static char *first_line(char *text)
{
    while (*text == '#' || *text == '\n')
        text += *text == '\n' ? 1 : strcspn(text, "\n");
    text[strcspn(text, "\r\n")] = '\0';
    return *text ? text : NULL;
}

/* "256 SHA256:… host (ED25519)" for a file of known_hosts' format. */
static int read_fingerprint(const char *path, char **fingerprint, struct fy_error *err)
{
    FY_AUTO_FREE char *output = NULL;
    const char *const argv[] = {"ssh-keygen", "-l", "-E", "sha256", "-f", path, NULL};
    if (program_output(argv, &output, err) < 0)
        return -1;
    char *start = strchr(output, ' ');
    if (!start)
        return fy_error_set(err, FY_E_FORMAT, "ssh-keygen prints no fingerprint but '%.80s'", output);
    start++;
    *fingerprint = strndup(start, strcspn(start, " \n"));
    return *fingerprint ? 0 : fy_error_set(err, FY_E_NOMEM, "no memory for a fingerprint");
}

static int fingerprint_of_line(const char *line, char **fingerprint, struct fy_error *err)
{
    char path[] = "/tmp/ferry-host-key.XXXXXX";
    FY_AUTO_CLOSE int fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0)
        return fy_error_errno(err, errno, "making a temporary file");
    int result = fy_fs_write_all(fd, line, strlen(line), err);
    if (result == 0)
        result = fy_fs_write_all(fd, "\n", 1, err);
    if (result == 0)
        result = read_fingerprint(path, fingerprint, err);
    (void)unlink(path);
    return result;
}

static int scan(const char *host, const char *port, struct peer_host_key *key, struct fy_error *err)
{
    static const char *const types[] = {"ed25519", "ecdsa,rsa"};
    for (size_t i = 0; i < FY_ARRAY_SIZE(types); i++) {
        FY_AUTO_FREE char *output = NULL;
        const char *const argv[] = {"ssh-keyscan", "-T", SCAN_SECONDS, "-t", types[i], "-p", port, host, NULL};
        if (program_output(argv, &output, NULL) < 0)
            continue;
        const char *line = first_line(output);
        key->line = line ? strdup(line) : NULL;
        if (key->line)
            return fingerprint_of_line(key->line, &key->fingerprint, err);
    }
    (void)fy_error_set(err, FY_E_UNREACHABLE, "%s port %s shows no host key", host, port);
    return fy_error_next(err, "see that the host is up and that sshd listens there: ssh-keyscan -p %s %s", port, host);
}

/* Leaves key->pinned NULL when nothing is pinned. */
static int look_up(const char *name, const char *known_hosts, struct peer_host_key *key, struct fy_error *err)
{
    FY_AUTO_FREE char *output = NULL;
    const char *const argv[] = {"ssh-keygen", "-F", name, "-f", known_hosts, NULL};
    if (program_output(argv, &output, NULL) < 0)
        return 0;
    const char *line = first_line(output);
    return line ? fingerprint_of_line(line, &key->pinned, err) : 0;
}

int peer_keys_of_host(const char *host, uint16_t port, const char *known_hosts, struct peer_host_key *key,
                      struct fy_error *err)
{
    char port_text[8], name[300];
    (void)snprintf(port_text, sizeof(port_text), "%u", port);
    (void)snprintf(name, sizeof(name), port == 22 ? "%s" : "[%s]:%s", host, port_text);
    *key = (struct peer_host_key){0};
    return scan(host, port_text, key, err) < 0 ? -1 : look_up(name, known_hosts, key, err);
}

int peer_keys_pin(const struct peer_host_key *key, const char *known_hosts, struct fy_error *err)
{
    if (make_directory_of(known_hosts, err) < 0)
        return -1;
    FY_AUTO_CLOSE int fd = open(known_hosts, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0)
        return fy_error_errno(err, errno, "opening %s", known_hosts);
    FY_AUTO_FREE char *line = NULL;
    if (asprintf(&line, "%s\n", key->line) < 0) {
        line = NULL;
        return fy_error_set(err, FY_E_NOMEM, "no memory for a line");
    }
    return fy_fs_write_all(fd, line, strlen(line), err);
}
