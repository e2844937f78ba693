/* The examples that ferry ships: each plan is right, and what the configuration example calls a default is one. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <ferry/config/plan.h>
#include <ferry/config/settings.h>
#include <string.h>

#define EXAMPLE DEPLOY_DIR "/ferryd.yaml.example"

static struct fy_settings *parse(const char *text)
{
    struct fy_error err = FY_ERROR_INIT;
    struct fy_settings *settings = NULL;
    cr_assert_eq(fy_settings_parse(EXAMPLE, text, strlen(text), &settings, &err), 0, "%s", err.message);
    return settings;
}

/* Takes the '#' off lines that show YAML: a comment has exactly one space after it. */
static void uncomment(char *text)
{
    char *out = text;
    for (char *in = text; *in;) {
        bool comment = in[0] == '#' && (in[1] == '\n' || (in[1] == ' ' && in[2] != ' '));
        if (in[0] == '#' && !comment)
            in++;
        size_t length = strcspn(in, "\n");
        length += in[length] ? 1 : 0;
        memmove(out, in, length);
        out += length;
        in += length;
    }
    *out = '\0';
}

static void expect_same(const struct fy_settings *shown, const struct fy_settings *defaults)
{
    cr_expect_str_eq(shown->state_dir, defaults->state_dir);
    cr_expect_str_eq(shown->run_dir, defaults->run_dir);
    cr_expect_str_eq(shown->control.socket, defaults->control.socket);
    cr_expect_str_eq(shown->peer.socket, defaults->peer.socket);
    cr_expect_str_eq(shown->peer.user, defaults->peer.user);
    cr_expect_eq(shown->log.level, defaults->log.level);
    cr_expect_eq(shown->log.format, defaults->log.format);
    cr_expect_str_eq(shown->ssh.user, defaults->ssh.user);
    cr_expect_str_eq(shown->ssh.key, defaults->ssh.key);
    cr_expect_str_eq(shown->ssh.known_hosts, defaults->ssh.known_hosts);
    cr_expect_str_eq(shown->criu, defaults->criu);
    cr_expect_str_eq(shown->runc, defaults->runc);
    cr_expect_str_eq(shown->runc_root, defaults->runc_root);
    cr_expect_str_eq(shown->podman, defaults->podman);
    cr_expect_str_eq(shown->hooks_dir, defaults->hooks_dir);
    cr_expect_eq(shown->max_jobs, defaults->max_jobs);
    cr_expect_eq(memcmp(&shown->timeouts, &defaults->timeouts, sizeof shown->timeouts), 0);
}

/* Every key that exists is shown: each word of the tables occurs as a key of the example. */
Test(examples, configuration)
{
    static const char *const keys[] = {
        "name", "state_dir", "run_dir",  "control", "socket",    "users",       "groups", "peer",    "user",
        "log",  "level",     "format",   "ssh",     "key",       "known_hosts", "criu",   "runc",    "path",
        "root", "max_jobs",  "timeouts", "connect", "link",      "freeze",      "dump",   "restore", "hold",
        "stop", "peers",     "host",     "port",    "hooks_dir", "podman"};
    struct fy_error err = FY_ERROR_INIT;
    FY_AUTO_FREE char *text = NULL;
    cr_assert_eq(fy_fs_read_file(EXAMPLE, 65536, &text, NULL, &err), 0, "%s", err.message);
    struct fy_settings *defaults = parse(""), *commented = parse(text);
    cr_expect_str_eq(commented->name, defaults->name);
    cr_expect_eq(commented->peer_count, 0);
    expect_same(commented, defaults);
    uncomment(text);
    struct fy_settings *shown = parse(text);
    expect_same(shown, defaults);
    cr_expect_str_eq(shown->name, "a");
    cr_expect_str_eq(shown->control.users[0], "alice");
    cr_expect_eq(shown->peer_count, 2);
    cr_expect_eq(fy_settings_peer(shown, "b")->port, 22);
    cr_expect_null(fy_settings_peer(shown, "c")->key);
    for (size_t i = 0; i < FY_ARRAY_SIZE(keys); i++) {
        char key[64];
        (void)snprintf(key, sizeof key, "%s:", keys[i]);
        cr_expect_not_null(strstr(text, key), "'%s' is not shown", keys[i]);
    }
    fy_settings_free(shown);
    fy_settings_free(commented);
    fy_settings_free(defaults);
}

Test(examples, plans)
{
    DIR *dir = opendir(DEPLOY_DIR "/plans");
    size_t count = 0;
    cr_assert_not_null(dir);
    for (const struct dirent *entry; (entry = readdir(dir));) {
        if (!strstr(entry->d_name, ".yaml"))
            continue;
        struct fy_error err = FY_ERROR_INIT;
        struct fy_plan *plan = NULL;
        FY_AUTO_FREE char *text = NULL;
        size_t size = 0;
        char path[1024];
        (void)snprintf(path, sizeof path, "%s/plans/%s", DEPLOY_DIR, entry->d_name);
        cr_assert_eq(fy_fs_read_file(path, 65536, &text, &size, &err), 0, "%s", err.message);
        cr_expect_eq(fy_plan_parse(path, text, size, &plan, NULL, &err), 0, "%s", err.message);
        fy_plan_free(plan);
        count++;
    }
    (void)closedir(dir);
    cr_expect_geq(count, 3);
}
