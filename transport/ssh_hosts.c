/* Reading known_hosts for one host, and holding the key that a server shows against it.
 *
 * The file is read line by line here, and not by libssh2, so that a mismatch can name its line, and so that wildcards,
 * negations and @revoked mean what they mean to OpenSSH. Only hashed names are left to libssh2. */
#include "ssh_hosts.h"
#include "ssh_text.h"
#include <ctype.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#define FILE_LIMIT_BYTES (16u * 1024u * 1024u)
#define KEY_LIMIT 256u
#define NAME_BYTES 300

/* Best first. A pinned ssh-rsa key is used through any of the three RSA algorithms. */
static const struct {
    const char *method;
    const char *key_type;
} methods_by_preference[] = {
    {"ssh-ed25519", "ssh-ed25519"},
    {"ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256"},
    {"ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384"},
    {"ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521"},
    {"rsa-sha2-512", "ssh-rsa"},
    {"rsa-sha2-256", "ssh-rsa"},
    {"ssh-rsa", "ssh-rsa"},
};

/* --- one line --------------------------------------------------------------------------------------------------- */

struct line {
    char *marker; /* "@revoked", or NULL */
    char *names;
    char *type;
    char *key;
};

static char *next_word(char **rest)
{
    char *word;
    while ((word = strsep(rest, " \t")))
        if (*word)
            return word;
    return NULL;
}

/* Cuts the text up in place. False for comments, empty and broken lines. */
static bool split_line(char *text, struct line *line)
{
    char *rest = text;
    *line = (struct line){0};
    char *word = next_word(&rest);
    if (word && *word == '@') {
        line->marker = word;
        word = next_word(&rest);
    }
    if (!word || *word == '#')
        return false;
    line->names = word;
    line->type = next_word(&rest);
    line->key = next_word(&rest);
    return line->key != NULL;
}

/* Whether the comma-separated patterns cover `name`: one of them must, and no negated one may. */
static bool patterns_cover(char *patterns, const char *name)
{
    bool covered = false;
    char *pattern;
    while ((pattern = strsep(&patterns, ","))) {
        bool negated = *pattern == '!';
        if (fnmatch(pattern + negated, name, FNM_NOESCAPE | FNM_CASEFOLD) != 0)
            continue;
        if (negated)
            return false;
        covered = true;
    }
    return covered;
}

/* [host]:port would be a bracket expression to fnmatch(): written with brackets that stand for themselves. */
static bool names_cover(const char *names, const char *name)
{
    FY_AUTO_FREE char *patterns = malloc(3 * strlen(names) + 1);
    if (!patterns)
        return false;
    char *out = patterns;
    for (const char *in = names; *in; in++) {
        if (*in == '[') {
            memcpy(out, "[[]", 3);
            out += 3;
        } else {
            *out++ = *in;
        }
    }
    *out = '\0';
    return patterns_cover(patterns, name);
}

/* Whether a hashed name ("|1|salt|hash") is `name`, by asking libssh2 with a key that cannot be right. */
static bool hash_covers(struct fy_ssh_conn *conn, const struct line *line, const char *name)
{
    char text[1024];
    LIBSSH2_KNOWNHOSTS *hosts = libssh2_knownhost_init(conn->session);
    if (!hosts)
        return false;
    int length = snprintf(text, sizeof(text), "%s ssh-ed25519 AAAAAAAAAAAAAAAA\n", line->names);
    int known = LIBSSH2_KNOWNHOST_CHECK_NOTFOUND;
    if (length > 0 && (size_t)length < sizeof(text) &&
        libssh2_knownhost_readline(hosts, text, (size_t)length, LIBSSH2_KNOWNHOST_FILE_OPENSSH) == 0)
        known = libssh2_knownhost_checkp(hosts, name, -1, "AAAB", 0,
                                         LIBSSH2_KNOWNHOST_TYPE_PLAIN | LIBSSH2_KNOWNHOST_KEYENC_BASE64, NULL);
    libssh2_knownhost_free(hosts);
    return known == LIBSSH2_KNOWNHOST_CHECK_MISMATCH;
}

/* --- the file --------------------------------------------------------------------------------------------------- */

static int add_key(struct fy_ssh_hosts *hosts, const struct line *line, unsigned number, struct fy_error *err)
{
    if (hosts->count == KEY_LIMIT)
        return fy_error_set(err, FY_E_LIMIT, "more than %u keys for one host", KEY_LIMIT);
    struct fy_ssh_known_key *keys = realloc(hosts->keys, (hosts->count + 1) * sizeof(*keys));
    if (!keys)
        return fy_error_set(err, FY_E_NOMEM, "no memory for known host keys");
    hosts->keys = keys;
    struct fy_ssh_known_key key = {
        .type = strdup(line->type),
        .key = strdup(line->key),
        .line = number,
        .revoked = line->marker != NULL,
    };
    hosts->keys[hosts->count++] = key;
    return key.type && key.key ? 0 : fy_error_set(err, FY_E_NOMEM, "no memory for known host keys");
}

static int take_line(struct fy_ssh_conn *conn, char *text, unsigned number, const char *name,
                     struct fy_ssh_hosts *hosts, struct fy_error *err)
{
    struct line line;
    if (!split_line(text, &line))
        return 0;
    if (line.marker && strcmp(line.marker, "@revoked") != 0)
        return 0;
    bool covers = line.names[0] == '|' ? hash_covers(conn, &line, name) : names_cover(line.names, name);
    return covers ? add_key(hosts, &line, number, err) : 0;
}

/* What the host is called in known_hosts. */
static void known_name(const struct fy_ssh_target *target, char name[NAME_BYTES])
{
    if (target->port == 22)
        (void)snprintf(name, NAME_BYTES, "%s", target->host);
    else
        (void)snprintf(name, NAME_BYTES, "[%s]:%u", target->host, target->port);
    for (char *c = name; *c; c++)
        *c = (char)tolower((unsigned char)*c);
}

int fy_ssh_hosts_load(struct fy_ssh_conn *conn, struct fy_ssh_hosts *hosts, struct fy_error *err)
{
    const struct fy_ssh_target *target = conn->target;
    FY_AUTO_FREE char *text = NULL;
    char name[NAME_BYTES];
    struct fy_error cause = FY_ERROR_INIT;
    *hosts = (struct fy_ssh_hosts){0};
    if (fy_fs_read_file(target->known_hosts, FILE_LIMIT_BYTES, &text, NULL, &cause)) {
        if (cause.code == FY_E_NOT_FOUND)
            return 0;
        (void)fy_error_wrap(&cause, "%s: cannot read the known host keys", target->name);
        cause.code = FY_E_HOSTKEY;
        fy_error_propagate(err, &cause);
        return -1;
    }
    known_name(target, name);
    char *rest = text;
    unsigned number = 0;
    char *line;
    while ((line = strsep(&rest, "\n"))) {
        line[strcspn(line, "\r")] = '\0';
        if (take_line(conn, line, ++number, name, hosts, err)) {
            fy_ssh_hosts_done(hosts);
            return fy_error_wrap(err, "%s:%u", target->known_hosts, number);
        }
    }
    return 0;
}

void fy_ssh_hosts_done(struct fy_ssh_hosts *hosts)
{
    for (size_t i = 0; i < hosts->count; i++) {
        free(hosts->keys[i].type);
        free(hosts->keys[i].key);
    }
    free(hosts->keys);
    *hosts = (struct fy_ssh_hosts){0};
}

static bool is_pinned(const struct fy_ssh_hosts *hosts, const char *type)
{
    for (size_t i = 0; i < hosts->count; i++)
        if (!hosts->keys[i].revoked && (!type || strcmp(hosts->keys[i].type, type) == 0))
            return true;
    return false;
}

bool fy_ssh_hosts_any_pinned(const struct fy_ssh_hosts *hosts)
{
    return is_pinned(hosts, NULL);
}

void fy_ssh_hosts_methods(const struct fy_ssh_hosts *hosts, char methods[FY_SSH_METHODS_BYTES])
{
    bool all = !fy_ssh_hosts_any_pinned(hosts);
    size_t used = 0;
    methods[0] = '\0';
    for (size_t i = 0; i < FY_ARRAY_SIZE(methods_by_preference); i++) {
        if (!all && !is_pinned(hosts, methods_by_preference[i].key_type))
            continue;
        int added = snprintf(methods + used, FY_SSH_METHODS_BYTES - used, "%s%s", used ? "," : "",
                             methods_by_preference[i].method);
        used += (size_t)added;
    }
}

/* --- the verdict ------------------------------------------------------------------------------------------------ */

/* A host key as the server showed it. */
struct shown_key {
    char type[64];
    char *base64;
    char fingerprint[FY_SSH_FINGERPRINT_BYTES];
};

static int look_at_key(struct fy_ssh_conn *conn, struct shown_key *shown, struct fy_error *err)
{
    size_t size = 0, type_size = 0;
    int kind;
    const uint8_t *blob = (const uint8_t *)libssh2_session_hostkey(conn->session, &size, &kind);
    const uint8_t *hash = (const uint8_t *)libssh2_hostkey_hash(conn->session, LIBSSH2_HOSTKEY_HASH_SHA256);
    const uint8_t *at = blob;
    const uint8_t *type = blob ? fy_ssh_read_string(&at, blob + size, &type_size) : NULL;
    if (!type || !hash)
        return fy_error_set(err, FY_E_PROTOCOL, "%s: the server showed no host key that can be read",
                            conn->target->name);
    (void)snprintf(shown->type, sizeof(shown->type), "%.*s", (int)(type_size < 63 ? type_size : 63),
                   (const char *)type);
    fy_ssh_fingerprint(hash, shown->fingerprint);
    shown->base64 = fy_ssh_base64(blob, size);
    return shown->base64 ? 0 : fy_error_set(err, FY_E_NOMEM, "no memory for a host key");
}

static int refuse_unknown(const struct fy_ssh_target *target, const struct shown_key *shown, struct fy_error *err)
{
    (void)fy_error_set(err, FY_E_HOSTKEY, "%s: unknown host key: nothing in %s vouches for its %s key %s", target->name,
                       target->known_hosts, shown->type, shown->fingerprint);
    return fy_error_next(err,
                         "compare %s with the fingerprint seen on the host itself (ssh-keygen -lf "
                         "/etc/ssh/ssh_host_ed25519_key.pub); if it is the same: ssh-keyscan -p %u %s >> %s",
                         shown->fingerprint, target->port, target->host, target->known_hosts);
}

static int refuse_changed(const struct fy_ssh_target *target, const struct shown_key *shown, unsigned line,
                          struct fy_error *err)
{
    char name[NAME_BYTES];
    known_name(target, name);
    (void)fy_error_set(err, FY_E_HOSTKEY,
                       "%s: THE HOST KEY HAS CHANGED: its %s key is %s, which is not the one pinned in %s:%u; the host "
                       "was set up anew, or somebody stands between",
                       target->name, shown->type, shown->fingerprint, target->known_hosts, line);
    return fy_error_next(err,
                         "find out why; if the new key is right: ssh-keygen -R '%s' -f %s, then ssh-keyscan -p %u %s "
                         ">> %s",
                         name, target->known_hosts, target->port, target->host, target->known_hosts);
}

static int refuse_revoked(const struct fy_ssh_target *target, const struct shown_key *shown, unsigned line,
                          struct fy_error *err)
{
    (void)fy_error_set(err, FY_E_HOSTKEY, "%s: its %s key %s is revoked by %s:%u", target->name, shown->type,
                       shown->fingerprint, target->known_hosts, line);
    return fy_error_next(err, "give the host a new key and pin that one");
}

static int judge(const struct fy_ssh_target *target, const struct fy_ssh_hosts *hosts, const struct shown_key *shown,
                 struct fy_error *err)
{
    bool pinned = false;
    unsigned other_line = 0;
    for (size_t i = 0; i < hosts->count; i++) {
        const struct fy_ssh_known_key *known = &hosts->keys[i];
        bool same = strcmp(known->key, shown->base64) == 0;
        if (known->revoked && same)
            return refuse_revoked(target, shown, known->line, err);
        if (known->revoked)
            continue;
        pinned = pinned || same;
        if (other_line == 0 && strcmp(known->type, shown->type) == 0)
            other_line = known->line;
    }
    if (pinned)
        return 0;
    return other_line ? refuse_changed(target, shown, other_line, err) : refuse_unknown(target, shown, err);
}

int fy_ssh_check_host(struct fy_ssh_conn *conn, struct fy_error *err)
{
    conn->doing = "checking the host key";
    struct shown_key shown = {0};
    if (look_at_key(conn, &shown, err))
        return -1;
    int verdict = judge(conn->target, conn->hosts, &shown, err);
    free(shown.base64);
    return verdict;
}
