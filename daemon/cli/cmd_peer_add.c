/* ferry peer add NAME USER@HOST[:PORT]: what two hosts need to trust each other, as far as one of them can do it. */
#include "commands.h"
#include "json_job.h"
#include "peer_keys.h"

#include <ferry/base/buf.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <ferry/base/text.h>
#include <ferry/config/settings.h>
#include <stdio.h>
#include <string.h>

#define AUTHORIZED "restrict,command=\"ferry dial\" "
#define DEFAULT_CONFIG "/etc/ferry/ferryd.yaml"
#define DEFAULT_KEY "/etc/ferry/id_ed25519"
#define DEFAULT_KNOWN_HOSTS "/etc/ferry/known_hosts"

struct values {
    const char *config, *key, *known_hosts, *fingerprint;
    bool yes;
};

static const struct cli_option options[] = {
    {"fingerprint", CLI_TEXT, "SHA256:...", "pin the host key only if it has this one",
     offsetof(struct values, fingerprint), 0},
    {"yes", CLI_FLAG, NULL, "pin the host key without asking", offsetof(struct values, yes), 0},
    {"key", CLI_TEXT, "FILE", "our key (as the configuration says)", offsetof(struct values, key), 0},
    {"known-hosts", CLI_TEXT, "FILE", "where to pin it (as the configuration says)",
     offsetof(struct values, known_hosts), 0},
    {"config", CLI_TEXT, "FILE", "ferryd's configuration (" DEFAULT_CONFIG ")", offsetof(struct values, config), 0},
    {0},
};

/* What came of it. */
struct added {
    bool key_made;
    char *public_key;
    struct peer_host_key host_key; /* pinned: it was before */
};

struct peer {
    const char *name;
    char user[64];
    char host[256];
    uint16_t port;
    const char *key;
    const char *known_hosts;
    struct fy_settings *settings; /* NULL: there is no configuration yet */
};

/* ---- what is meant ---- */

/* HOST, HOST:PORT, [HOST]:PORT; an IPv6 address has more than one colon and needs the brackets for a port. */
static int read_host(const char *text, struct peer *peer, struct fy_error *err)
{
    const char *end = text + strlen(text);
    const char *port = NULL;
    uint64_t number = 22;
    if (*text == '[' && (end = strchr(text, ']'))) {
        text++;
        port = end[1] == ':' ? end + 2 : NULL;
    } else if (strchr(text, ':') && strchr(text, ':') == strrchr(text, ':')) {
        end = strchr(text, ':');
        port = end + 1;
    }
    size_t length = end ? (size_t)(end - text) : 0;
    if (length == 0 || length >= sizeof(peer->host) || *text == '-' || strcspn(text, " \t'\"") < length)
        return fy_error_set(err, FY_E_USAGE, "'%.80s' is no host", text);
    if (port && (!fy_text_parse_uint(port, 65535, &number) || number == 0))
        return fy_error_set(err, FY_E_USAGE, "'%.20s' is no port", port);
    memcpy(peer->host, text, length);
    peer->host[length] = '\0';
    peer->port = (uint16_t)number;
    return 0;
}

static int read_operands(char **operands, struct peer *peer, struct fy_error *err)
{
    const char *at = strchr(operands[1], '@');
    peer->name = operands[0];
    if (!fy_fs_is_plain_name(peer->name) || strlen(peer->name) >= 64 || strpbrk(peer->name, " :'\"#{}[],"))
        return fy_error_set(err, FY_E_USAGE, "'%.80s' cannot be a peer's name", peer->name);
    size_t length = at ? (size_t)(at - operands[1]) : 0;
    if (length == 0 || length >= sizeof(peer->user)) {
        (void)fy_error_set(err, FY_E_USAGE, "'%.80s' is not USER@HOST", operands[1]);
        return fy_error_next(err, "for example: ferry peer add b ferry@b.example.net");
    }
    memcpy(peer->user, operands[1], length);
    return read_host(at + 1, peer, err);
}

static int read_settings(const struct values *values, struct peer *peer, struct fy_error *err)
{
    const char *path = values->config ? values->config : DEFAULT_CONFIG;
    if ((values->config || access(path, F_OK) == 0) && fy_settings_load(path, &peer->settings, err) < 0)
        return -1;
    const struct fy_settings *settings = peer->settings;
    if (settings && fy_settings_peer(settings, peer->name)) {
        (void)fy_error_set(err, FY_E_BUSY, "%s has a peer '%s' already", path, peer->name);
        return fy_error_next(err, "check it: ferry peer check %s", peer->name);
    }
    peer->key = values->key ? values->key : settings && settings->ssh.key ? settings->ssh.key : DEFAULT_KEY;
    peer->known_hosts = values->known_hosts ? values->known_hosts
                        : settings          ? settings->ssh.known_hosts
                                            : DEFAULT_KNOWN_HOSTS;
    return 0;
}

/* ---- the host's key ---- */

static bool ask(const struct peer *peer, const char *fingerprint)
{
    char answer[16];
    (void)printf("The host key of %s port %u has the fingerprint\n  %s\nCompare it with what `ssh-keygen -lf "
                 "/etc/ssh/ssh_host_ed25519_key.pub` prints there. Pin it? [y/N] ",
                 peer->host, peer->port, fingerprint);
    (void)fflush(stdout);
    return fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

static int refuse_changed(const struct peer *peer, const struct peer_host_key *key, struct fy_error *err)
{
    (void)fy_error_set(err, FY_E_HOSTKEY, "THE HOST KEY OF %s HAS CHANGED: it is %s, and %s says %s", peer->host,
                       key->fingerprint, peer->known_hosts, key->pinned);
    return fy_error_next(err, "find out why; if the host is right, remove the old key: ssh-keygen -R '%s' -f %s",
                         peer->host, peer->known_hosts);
}

static int confirm(const struct peer *peer, const struct peer_host_key *key, const struct values *values,
                   struct fy_error *err)
{
    if (values->fingerprint && strcmp(values->fingerprint, key->fingerprint) != 0) {
        (void)fy_error_set(err, FY_E_HOSTKEY, "the host key of %s is %s, not %.100s", peer->host, key->fingerprint,
                           values->fingerprint);
        return fy_error_next(err, "compare it on the host itself: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub");
    }
    if (values->fingerprint || values->yes)
        return 0;
    if (!isatty(STDIN_FILENO)) {
        (void)fy_error_set(err, FY_E_HOSTKEY, "the host key of %s is %s, and nobody is there to say that it is right",
                           peer->host, key->fingerprint);
        return fy_error_next(err, "compare it, then: ferry peer add %s %s@%s --fingerprint %s", peer->name, peer->user,
                             peer->host, key->fingerprint);
    }
    if (ask(peer, key->fingerprint))
        return 0;
    return fy_error_set(err, FY_E_CANCELLED, "the host key of %s was not pinned", peer->host);
}

static int pin(const struct peer *peer, const struct values *values, struct peer_host_key *key, struct fy_error *err)
{
    if (peer_keys_of_host(peer->host, peer->port, peer->known_hosts, key, err) < 0)
        return -1;
    if (key->pinned && strcmp(key->pinned, key->fingerprint) != 0)
        return refuse_changed(peer, key, err);
    if (key->pinned)
        return 0;
    if (confirm(peer, key, values, err) < 0)
        return -1;
    return peer_keys_pin(key, peer->known_hosts, err);
}

/* ---- what is left to do ---- */

/* Only what the configuration does not say anyway. */
static void fill_entry(const struct peer *peer, struct fy_buf *entry)
{
    const struct fy_settings *settings = peer->settings;
    (void)fy_buf_printf(entry, NULL, "  %s:\n    host: '%s'\n", peer->name, peer->host);
    if (peer->port != 22)
        (void)fy_buf_printf(entry, NULL, "    port: %u\n", peer->port);
    if (!settings || strcmp(settings->ssh.user, peer->user) != 0)
        (void)fy_buf_printf(entry, NULL, "    user: %s\n", peer->user);
    if (!settings || !settings->ssh.key || strcmp(settings->ssh.key, peer->key) != 0)
        (void)fy_buf_printf(entry, NULL, "    key: %s\n", peer->key);
    if (!settings || strcmp(settings->ssh.known_hosts, peer->known_hosts) != 0)
        (void)fy_buf_printf(entry, NULL, "    known_hosts: %s\n", peer->known_hosts);
}

static void print_text(const struct peer *peer, const struct added *added, const char *entry)
{
    const struct peer_host_key *key = &added->host_key;
    (void)printf("our key    %s, %s\n", peer->key, added->key_made ? "is new" : "was there already");
    (void)printf("host key   %s, %s in %s\n", key->fingerprint, key->pinned ? "was pinned already" : "is pinned",
                 peer->known_hosts);
    (void)printf("\n1. On %s, in ~%s/.ssh/authorized_keys, this line lets our key in, for `ferry dial` and nothing "
                 "else:\n\n" AUTHORIZED "%s\n\n",
                 peer->host, peer->user, added->public_key);
    (void)printf("2. Here, in ferryd's configuration, under `peers:`\n\n%s", entry);
    (void)printf("\n3. Restart ferryd, then: ferry peer check %s\n", peer->name);
}

static void print_json(const struct peer *peer, const struct added *added, const char *entry)
{
    FY_AUTO_FREE char *line = NULL;
    struct fy_json *json = fy_json_new(true);
    if (asprintf(&line, AUTHORIZED "%s", added->public_key) < 0)
        line = NULL;
    if (json) {
        fy_json_open_object(json, NULL);
        fy_json_string(json, "peer", peer->name);
        fy_json_string(json, "key", peer->key);
        fy_json_bool(json, "key_made", added->key_made);
        fy_json_string(json, "host_key", added->host_key.fingerprint);
        fy_json_bool(json, "host_key_was_pinned", added->host_key.pinned != NULL);
        fy_json_string(json, "known_hosts", peer->known_hosts);
        fy_json_string(json, "authorized_keys", line);
        fy_json_string(json, "configuration", entry);
        fy_json_close_object(json);
    }
    (void)json_print(json);
}

static int print_rest(const struct cli *cli, const struct peer *peer, const struct added *added, struct fy_error *err)
{
    struct fy_buf buf;
    fy_buf_init(&buf, 0);
    fill_entry(peer, &buf);
    FY_AUTO_FREE char *entry = fy_buf_take_string(&buf);
    fy_buf_done(&buf);
    if (!entry)
        return fy_error_set(err, FY_E_NOMEM, "no memory for the configuration's entry");
    (cli->json ? print_json : print_text)(peer, added, entry);
    return 0;
}

static int add(const struct cli *cli, char **operands, const struct values *values, struct peer *peer,
               struct added *added, struct fy_error *err)
{
    if (read_operands(operands, peer, err) < 0 || read_settings(values, peer, err) < 0)
        return -1;
    char comment[64 + 16];
    (void)snprintf(comment, sizeof(comment), "ferry@%.63s", peer->settings ? peer->settings->name : "ferry");
    if (peer_keys_own(peer->key, comment, &added->key_made, &added->public_key, err) < 0 ||
        pin(peer, values, &added->host_key, err) < 0)
        return -1;
    return print_rest(cli, peer, added, err);
}

static enum cli_exit run(struct cli *cli, int count, char **operands, const void *given)
{
    (void)count;
    struct fy_error err = FY_ERROR_INIT;
    struct peer peer = {0};
    struct added added = {0};
    int result = add(cli, operands, given, &peer, &added, &err);
    fy_settings_free(peer.settings);
    peer_host_key_done(&added.host_key);
    free(added.public_key);
    if (result == 0)
        return CLI_DONE;
    cli_report(cli, &err);
    return err.code == FY_E_USAGE ? CLI_USAGE : CLI_FAILED;
}

const struct cli_command cmd_peer_add = {
    .name = "peer add",
    .operands = "NAME USER@HOST[:PORT]",
    .summary = "Make a key, pin a host's key, and say what is left to do",
    .description = "Changes nothing on the other host and nothing in the configuration: it prints the lines for both.\n"
                   "A host key that is pinned already and has changed is refused.",
    .options = options,
    .values_bytes = sizeof(struct values),
    .min_operands = 2,
    .max_operands = 2,
    .run = run,
};
