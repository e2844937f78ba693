/* ferry image diff A B: what changed between two checkpoints. */
#include "commands.h"
#include "image_change.h"
#include "image_place.h"
#include "json_job.h"

#include <ferry/base/cleanup.h>
#include <stdio.h>

#define PARTS (FY_EXPLORE_DESCRIPTORS | FY_EXPLORE_MAPPINGS | FY_EXPLORE_COMMANDS)

struct side {
    struct fy_diff_side set;
    struct fy_explore *explore;
};

static int open_side(const char *path, struct side *side, struct fy_error *err)
{
    side->set.dir_fd = image_open_directory(path, err);
    if (side->set.dir_fd < 0 || fy_explore_open(side->set.dir_fd, PARTS, &side->explore, err) < 0)
        return -1;
    side->set.explore = side->explore;
    if (fy_explore_task_count(side->explore) > 0)
        return 0;
    return fy_error_set(err, FY_E_NOT_FOUND, "%s: %s", path,
                        fy_explore_trouble_count(side->explore) ? fy_explore_trouble(side->explore, 0)
                                                                : "the set has no tasks");
}

static void close_side(struct side *side)
{
    fy_explore_free(side->explore);
    fy_cleanup_close(&side->set.dir_fd);
}

/* What is missing in a set makes the comparison incomplete. */
static bool say_troubles(const char *path, const struct side *side)
{
    size_t count = fy_explore_trouble_count(side->explore);
    (void)fflush(stdout);
    for (size_t i = 0; i < count; i++)
        (void)fprintf(stderr, "ferry: %s: %s\n", path, fy_explore_trouble(side->explore, i));
    return count > 0;
}

static int print_json(const struct change_printer *printer, char **operands)
{
    struct fy_json *json = fy_json_new(true);
    if (json) {
        fy_json_open_object(json, NULL);
        fy_json_string(json, "a", operands[0]);
        fy_json_string(json, "b", operands[1]);
        change_json(printer, json);
        fy_json_close_object(json);
    }
    return json_print(json);
}

static int compare(const struct cli *cli, char **operands, const struct side *a, const struct side *b,
                   struct fy_error *err)
{
    int status = 0;
    struct fy_diff diff;
    if (fy_diff_make(&a->set, &b->set, &diff, err) < 0)
        return -1;
    const struct change_printer printer = {a->explore, b->explore, &diff};
    if (cli->json)
        status = print_json(&printer, operands);
    else
        change_print(&printer);
    fy_diff_done(&diff);
    return status;
}

static enum cli_exit run(struct cli *cli, int count, char **operands, const void *values)
{
    (void)count;
    (void)values;
    bool troubled = false;
    struct fy_error err = FY_ERROR_INIT;
    struct side a = {.set.dir_fd = -1}, b = {.set.dir_fd = -1};
    int status = open_side(operands[0], &a, &err);
    if (status == 0)
        status = open_side(operands[1], &b, &err);
    if (status == 0)
        status = compare(cli, operands, &a, &b, &err);
    if (fy_error_is_set(&err)) {
        cli_report(cli, &err);
    } else {
        troubled = say_troubles(operands[0], &a);
        troubled = say_troubles(operands[1], &b) || troubled;
    }
    close_side(&a);
    close_side(&b);
    return status < 0 || troubled ? CLI_FAILED : CLI_DONE;
}

const struct cli_command cmd_image_diff = {
    .name = "image diff",
    .operands = "A B",
    .summary = "Say what changed between two checkpoints",
    .description =
        "Compares tasks, descriptors, mappings, and memory page by page, parent sets included.\nDifferences do not "
        "change the exit status.",
    .min_operands = 2,
    .max_operands = 2,
    .run = run,
};
