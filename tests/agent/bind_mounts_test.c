/* The bind mounts of a bundle at the source, and the destination's look at their sources: real files. */
#include <criterion/criterion.h>

#include "bind_mounts.h"
#include "preflight_files.h"

#include <ferry/base/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static uv_loop_t loop;
static char directory[64];
static struct fy_open_files files;
static struct fy_preflight_item item;

static const char *in_directory(const char *name)
{
    static char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

static void make_scene(void)
{
    (void)snprintf(directory, sizeof directory, "/tmp/ferry-binds-XXXXXX");
    cr_assert_not_null(mkdtemp(directory));
    cr_assert_eq(uv_loop_init(&loop), 0);
    cr_assert_eq(mkdir(in_directory("shared"), 0700), 0);
    cr_assert_eq(mkdir(in_directory("below"), 0700), 0);
    cr_assert_eq(fy_fs_write_file(in_directory("file"), "x", 1, 0644, NULL), 0);
    cr_assert_eq(mkfifo(in_directory("pipe"), 0600), 0);
}

static void remove_scene(void)
{
    fy_open_files_done(&files);
    cr_assert_eq(uv_loop_close(&loop), 0);
    cr_assert_eq(fy_fs_remove_tree(directory, NULL), 0);
}

TestSuite(bind_mounts, .init = make_scene, .fini = remove_scene);

static void take_files(struct fy_open_files *found, void *data)
{
    (void)data;
    files = *found;
}

static void look_at_bundle(void)
{
    struct fy_error err = FY_ERROR_INIT;
    fy_open_files_done(&files);
    cr_assert_eq(fy_bind_mounts_start(&loop, directory, take_files, NULL, &err), 0, "%s", err.message);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
}

static void look_with(const char *config)
{
    cr_assert_eq(fy_fs_write_file(in_directory("config.json"), config, strlen(config), 0644, NULL), 0);
    look_at_bundle();
}

/* What a bundle usually mounts, and binds of every kind. */
static void look(void)
{
    char config[2048];
    (void)snprintf(config, sizeof config,
                   "{\"mounts\": [{\"destination\": \"/proc\", \"type\": \"proc\", \"source\": \"proc\"},"
                   " {\"destination\": \"/tmp\", \"type\": \"tmpfs\", \"source\": \"%s\", \"options\": [\"ro\"]},"
                   " {\"destination\": \"/a\", \"type\": \"bind\", \"source\": \"%s/shared\"},"
                   " {\"destination\": \"/b\", \"type\": \"none\", \"source\": \"%s/file\", \"options\": [\"rbind\"]},"
                   " {\"destination\": \"/c\", \"source\": \"below\", \"options\": [\"ro\", \"bind\"]},"
                   " {\"destination\": \"/d\", \"type\": \"bind\", \"source\": \"%s/pipe\"},"
                   " {\"destination\": \"/e\", \"type\": \"bind\", \"source\": \"%s/gone\"},"
                   " {\"destination\": \"/f\", \"type\": \"bind\"}, 7]}",
                   directory, directory, directory, directory, directory);
    look_with(config);
}

static void expect_file(size_t place, const char *name, bool is_directory)
{
    cr_assert_lt(place, files.count);
    cr_expect_str_eq(files.list[place]->path, in_directory(name));
    cr_expect_eq(files.list[place]->directory, is_directory);
    cr_expect_not(files.list[place]->has_size_bytes);
    cr_expect_not(files.list[place]->has_build_id);
}

Test(bind_mounts, sources_that_are_files_and_directories_are_named)
{
    look();
    cr_assert_eq(files.count, 3u);
    expect_file(0, "shared", true);
    expect_file(1, "file", false);
    expect_file(2, "below", true);
}

Test(bind_mounts, a_configuration_that_says_nothing_names_none)
{
    static const char *const configs[] = {"", "{", "[]", "7", "{}", "{\"mounts\": {}}", "{\"mounts\": [[], null]}"};
    for (size_t i = 0; i < sizeof configs / sizeof *configs; i++) {
        look_with(configs[i]);
        cr_expect_eq(files.count, 0u, "%s", configs[i]);
    }
    cr_assert_eq(unlink(in_directory("config.json")), 0);
    look_at_bundle();
    cr_expect_eq(files.count, 0u);
}

static void take_item(const struct fy_preflight_item *answer, void *data)
{
    (void)data;
    item = *answer;
}

static void ask(void)
{
    struct fy_error err = FY_ERROR_INIT;
    Ferry__Peer__Offer offer = FERRY__PEER__OFFER__INIT;
    offer.kind = FERRY__PEER__WORKLOAD_KIND__RUNC;
    offer.files = files.list;
    offer.n_files = files.count;
    cr_assert_eq(fy_preflight_files_start(&loop, &offer, take_item, NULL, &err), 0, "%s", err.message);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
}

Test(bind_mounts, one_that_is_missing_at_the_destination_is_named_with_the_next_step)
{
    look();
    ask();
    cr_assert(item.ok, "%s", item.detail);
    cr_assert_eq(fy_fs_write_file(in_directory("file"), "other", 5, 0644, NULL), 0);
    ask();
    cr_assert(item.ok, "what is in them may differ: %s", item.detail);
    cr_assert_eq(rmdir(in_directory("shared")), 0);
    ask();
    cr_assert_not(item.ok);
    cr_expect(strstr(item.detail, "/shared is not here"), "%s", item.detail);
    cr_expect(strstr(item.next, "bind mounts"), "%s", item.next);
    cr_assert_eq(fy_fs_write_file(in_directory("shared"), "x", 1, 0644, NULL), 0);
    ask();
    cr_assert_not(item.ok);
    cr_expect(strstr(item.detail, "/shared is no directory here"), "%s", item.detail);
}
