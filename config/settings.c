/* ferryd's settings: reading by the tables, the defaults that depend on other values or on the host, and freeing. */
#include "names.h"
#include "settings_tables.h"
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <ferry/config/settings.h>

#include <limits.h>
#include <string.h>

#define MAX_FILE_BYTES ((size_t)1024 * 1024)

static void free_peer(struct fy_peer_settings *peer)
{
    free(peer->name);
    free(peer->host);
    free(peer->user);
    free(peer->key);
    free(peer->known_hosts);
}

void fy_settings_free(struct fy_settings *settings)
{
    if (!settings)
        return;
    free(settings->name);
    free(settings->state_dir);
    free(settings->run_dir);
    free(settings->control.socket);
    config_free_text_list(settings->control.users);
    config_free_text_list(settings->control.groups);
    free(settings->peer.socket);
    free(settings->peer.user);
    free(settings->ssh.user);
    free(settings->ssh.key);
    free(settings->ssh.known_hosts);
    free(settings->criu);
    free(settings->runc);
    free(settings->runc_root);
    free(settings->checkpoints.key_file);
    free(settings->checkpoints.key_command);
    free(settings->checkpoints.sign_key);
    free(settings->hooks_dir);
    free(settings->podman);
    for (size_t i = 0; i < settings->peer_count; i++)
        free_peer(&settings->peers[i]);
    free(settings->peers);
    free(settings);
}

/* A copy; NULL for NULL, and after running out of memory, which is then noted. */
static char *copy_text(struct reading *reading, const char *text)
{
    char *copy = text ? strdup(text) : NULL;
    if (text && !copy)
        config_mistakes_no_memory(&reading->mistakes);
    return copy;
}

static void read_peer(struct reading *reading, const struct node *node, const struct fy_settings *settings,
                      struct fy_peer_settings *peer)
{
    static const struct text_rule peer_name = {
        config_is_peer_name,
        "a peer name of at most 63 letters, digits, '.', '_' and '-', beginning with a letter or digit"};
    config_read_text(reading, node->key, &peer_name, &peer->name);
    peer->user = copy_text(reading, settings->ssh.user);
    peer->key = copy_text(reading, settings->ssh.key);
    peer->known_hosts = copy_text(reading, settings->ssh.known_hosts);
    size_t before = config_place_down(reading, node->key->text);
    config_read_map(reading, node, &config_peer_fields, peer);
    config_place_up(reading, before);
}

void config_read_peers(struct reading *reading, const struct node *node, const void *rule, void *target)
{
    struct fy_settings *settings = target;
    (void)rule;
    if (!config_is_map(reading, node) || !node->child_count)
        return;
    settings->peers = calloc(node->child_count, sizeof *settings->peers);
    if (!settings->peers) {
        config_mistakes_no_memory(&reading->mistakes);
        return;
    }
    settings->peer_count = node->child_count;
    for (size_t i = 0; i < node->child_count; i++)
        read_peer(reading, node->children[i], settings, &settings->peers[i]);
}

static void default_name(struct reading *reading, struct fy_settings *settings)
{
    char name[HOST_NAME_MAX + 1] = "";
    (void)gethostname(name, sizeof name - 1);
    if (config_is_peer_name(name))
        settings->name = copy_text(reading, name);
    else
        config_mistakes_add(&reading->mistakes, 1, 1, "'name' is missing, and the host name '%s' cannot serve as one",
                            name);
}

static void default_socket(struct reading *reading, const struct fy_settings *settings, const char *name, char **target)
{
    if (asprintf(target, "%s/%s", settings->run_dir, name) < 0) {
        *target = NULL;
        config_mistakes_no_memory(&reading->mistakes);
    }
}

/* Only once the file is known to be right: a value that was refused must not look like one that was left out. */
static void derive_defaults(struct reading *reading, struct fy_settings *settings)
{
    if (!settings->name)
        default_name(reading, settings);
    if (!settings->control.socket)
        default_socket(reading, settings, "control.sock", &settings->control.socket);
    if (!settings->peer.socket)
        default_socket(reading, settings, "peer.sock", &settings->peer.socket);
}

int fy_settings_parse(const char *file_name, const char *text, size_t size, struct fy_settings **settings,
                      struct fy_error *err)
{
    struct reading reading = {.place = ""};
    struct tree tree;
    struct fy_settings *parsed = calloc(1, sizeof *parsed);
    if (!parsed)
        return fy_error_set(err, FY_E_NOMEM, "no memory to read %s", file_name);
    config_mistakes_init(&reading.mistakes, file_name);
    config_tree_parse(&tree, text, size, &reading.mistakes);
    if (!tree.failed)
        config_read_map(&reading, tree.root, &config_settings_fields, parsed);
    if (config_mistakes_none(&reading.mistakes))
        derive_defaults(&reading, parsed);
    config_tree_done(&tree);
    int rc = config_mistakes_report(&reading.mistakes, NULL, err);
    if (rc) {
        fy_error_next(err, "correct the file; ferryd.yaml(5) describes every key");
        fy_settings_free(parsed);
    } else {
        *settings = parsed;
    }
    config_mistakes_done(&reading.mistakes);
    return rc;
}

int fy_settings_load(const char *path, struct fy_settings **settings, struct fy_error *err)
{
    FY_AUTO_FREE char *text = NULL;
    size_t size = 0;
    if (fy_fs_read_file(path, MAX_FILE_BYTES, &text, &size, err))
        return fy_error_wrap(err, "configuration");
    return fy_settings_parse(path, text, size, settings, err);
}

const struct fy_peer_settings *fy_settings_peer(const struct fy_settings *settings, const char *name)
{
    for (size_t i = 0; i < settings->peer_count; i++) {
        if (!strcmp(settings->peers[i].name, name))
            return &settings->peers[i];
    }
    return NULL;
}
