/* ferry image x DIR ps|fds|mems|rss|sk: looks into an image set, offline. */
#include "commands.h"
#include "explore_print.h"
#include "json_job.h"

#include <errno.h>
#include <fcntl.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/text.h>
#include <stdio.h>
#include <string.h>

#define MAX_SAID_BYTES ((size_t)1 << 20)

struct values {
    bool is_long;
};

static const struct view {
    const char *word;
    explore_printer *print;
    unsigned parts;
    unsigned long_parts; /* with --long or --json */
} views[] = {
    {"ps", explore_ps, 0, FY_EXPLORE_COMMANDS},
    {"fds", explore_fds, FY_EXPLORE_DESCRIPTORS, FY_EXPLORE_DESCRIPTORS},
    {"mems", explore_mems, FY_EXPLORE_MAPPINGS, FY_EXPLORE_MAPPINGS},
    {"rss", explore_rss, FY_EXPLORE_MAPPINGS, FY_EXPLORE_MAPPINGS},
    {"sk", explore_sk, FY_EXPLORE_DESCRIPTORS | FY_EXPLORE_QUEUES, FY_EXPLORE_DESCRIPTORS | FY_EXPLORE_QUEUES},
};

static const struct view *find_view(const char *word, struct fy_error *err)
{
    const char *words[FY_ARRAY_SIZE(views)];

    for (size_t i = 0; i < FY_ARRAY_SIZE(views); i++) {
        words[i] = views[i].word;
        if (strcmp(word, views[i].word) == 0)
            return &views[i];
    }
    const char *near = fy_text_nearest(word, words, FY_ARRAY_SIZE(views));
    (void)fy_error_set(err, FY_E_USAGE, "%s is nothing to look at in an image set", word);
    if (near)
        (void)fy_error_next(err, "did you mean %s?", near);
    else
        (void)fy_error_next(err, "one of: ps, fds, mems, rss, sk");
    return NULL;
}

static void say_troubles(struct explore_print *print)
{
    for (size_t i = 0; i < fy_explore_trouble_count(print->set); i++)
        explore_say(print, fy_explore_trouble(print->set, i));
}

static void json_troubles(struct explore_print *print)
{
    const char *text;

    say_troubles(print);
    text = (const char *)print->said.data;
    fy_json_open_array(print->json, "troubles");
    for (size_t at = 0; at < print->said.size; at += strlen(text + at) + 1)
        fy_json_string(print->json, NULL, text + at);
    fy_json_close_array(print->json);
}

static int print_json(struct explore_print *print, const struct view *view)
{
    print->json = fy_json_new(true);
    if (print->json) {
        fy_json_open_object(print->json, NULL);
        view->print(print);
        json_troubles(print);
        fy_json_close_object(print->json);
    }
    return json_print(print->json);
}

static enum cli_exit look(struct cli *cli, const struct view *view, int dir_fd, bool is_long, struct fy_error *err)
{
    struct fy_explore *set = NULL;
    struct explore_print print = {.is_long = is_long};
    int result = 0;

    if (fy_explore_open(dir_fd, is_long || cli->json ? view->long_parts : view->parts, &set, err) < 0)
        return CLI_FAILED;
    print.set = set;
    fy_buf_init(&print.scratch, 0);
    fy_buf_init(&print.said, MAX_SAID_BYTES);
    if (cli->json) {
        result = print_json(&print, view);
    } else {
        view->print(&print);
        say_troubles(&print);
    }
    fy_buf_done(&print.said);
    fy_buf_done(&print.scratch);
    fy_explore_free(set);
    return result < 0 || print.troubles > 0 ? CLI_FAILED : CLI_DONE;
}

static enum cli_exit run(struct cli *cli, int count, char **operands, const void *values)
{
    const struct values *given = values;
    struct fy_error err = FY_ERROR_INIT;
    const struct view *view = find_view(operands[1], &err);
    FY_AUTO_CLOSE int dir_fd = -1;
    enum cli_exit code = CLI_USAGE;

    (void)count;
    if (view) {
        dir_fd = open(operands[0], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        code = CLI_FAILED;
        if (dir_fd < 0)
            (void)fy_error_errno(&err, errno, "%s", operands[0]);
        else
            code = look(cli, view, dir_fd, given->is_long, &err);
    }
    if (fy_error_is_set(&err))
        cli_report(cli, &err);
    return code;
}

static const struct cli_option options[] = {
    {"long", CLI_FLAG, NULL, "print more", offsetof(struct values, is_long), 'l'},
    {0},
};

const struct cli_command cmd_image_x = {
    .name = "image x",
    .operands = "DIR ps|fds|mems|rss|sk",
    .summary = "Look into an image set: tasks, descriptors, mappings, pages, sockets",
    .description =
        "Prints what crit x prints, and never stops at a zombie, an old set or a damaged file: what could not "
        "be\nread is said on standard error, and the exit code is 1.",
    .options = options,
    .values_bytes = sizeof(struct values),
    .min_operands = 2,
    .max_operands = 2,
    .run = run,
};
