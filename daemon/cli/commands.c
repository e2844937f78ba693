/* The list of commands, finding one by its words, and the help that is made from the list. */
#include "commands.h"
#include "terminal.h"
#include "wrap.h"

#include <ferry/base/cleanup.h>
#include <ferry/base/text.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const struct cli_command *const cli_commands[] = {
    &cmd_migrate,
    &cmd_plan_check,
    &cmd_plan_run,
    &cmd_job_list,
    &cmd_job_show,
    &cmd_job_watch,
    &cmd_job_cancel,
    &cmd_job_set,
    &cmd_job_resolve,
    &cmd_job_log,
    &cmd_checkpoint_create,
    &cmd_checkpoint_list,
    &cmd_checkpoint_show,
    &cmd_checkpoint_verify,
    &cmd_checkpoint_replicate,
    &cmd_checkpoint_restore,
    &cmd_checkpoint_rm,
    &cmd_checkpoint_export,
    &cmd_checkpoint_import,
    &cmd_checkpoint_pin,
    &cmd_checkpoint_unpin,
    &cmd_checkpoint_prune,
    &cmd_checkpoint_rehearse,
    &cmd_schedule_list,
    &cmd_schedule_add,
    &cmd_schedule_run,
    &cmd_schedule_pause,
    &cmd_schedule_resume,
    &cmd_schedule_rm,
    &cmd_peer_add,
    &cmd_peer_list,
    &cmd_peer_check,
    &cmd_status,
    &cmd_explain,
    &cmd_dial,
    &cmd_hold,
    &cmd_rehearse,
    &cmd_stand_in,
    &cmd_image_decode,
    &cmd_image_encode,
    &cmd_image_show,
    &cmd_image_info,
    &cmd_image_search,
    &cmd_image_diff,
    &cmd_image_verify,
    &cmd_image_x,
    &cmd_image_manifest,
    &cmd_version,
    &cmd_help,
    NULL,
};

/* ---- finding ---- */

/* How many words of argv the name takes: 0 if it is another command. */
static int words_matched(const char *name, int argc, char **argv)
{
    const char *space = strchr(name, ' ');
    size_t first = space ? (size_t)(space - name) : strlen(name);
    if (argc < 1 || strlen(argv[0]) != first || memcmp(argv[0], name, first) != 0)
        return 0;
    if (!space)
        return 1;
    return argc > 1 && strcmp(argv[1], space + 1) == 0 ? 2 : 0;
}

/* "job" alone, or with an unknown second word: names what there is. */
static bool refuse_group(int argc, char **argv, struct fy_error *err)
{
    char verbs[128] = "";
    size_t length = strlen(argv[0]);
    for (size_t i = 0; cli_commands[i]; i++) {
        const char *name = cli_commands[i]->name;
        if (strncmp(name, argv[0], length) != 0 || name[length] != ' ')
            continue;
        size_t used = strlen(verbs);
        (void)snprintf(verbs + used, sizeof(verbs) - used, "%s%s", used ? ", " : "", name + length + 1);
    }
    if (!verbs[0])
        return false;
    if (argc > 1 && argv[1][0] != '-')
        fy_error_set(err, FY_E_USAGE, "ferry %s has no command %s", argv[0], argv[1]);
    else
        fy_error_set(err, FY_E_USAGE, "ferry %s needs a command", argv[0]);
    fy_error_next(err, "one of: %s", verbs);
    return true;
}

const struct cli_command *cli_find_command(int argc, char **argv, int *words, struct fy_error *err)
{
    const char *names[FY_ARRAY_SIZE(cli_commands)];
    size_t count = 0;
    for (; cli_commands[count]; count++) {
        names[count] = cli_commands[count]->name;
        *words = words_matched(names[count], argc, argv);
        if (*words)
            return cli_commands[count];
    }
    if (argc == 0) {
        fy_error_set(err, FY_E_USAGE, "a command is expected");
        fy_error_next(err, "see: ferry help");
        return NULL;
    }
    if (refuse_group(argc, argv, err))
        return NULL;
    const char *near = fy_text_nearest(argv[0], names, count);
    fy_error_set(err, FY_E_USAGE, "ferry has no command %s", argv[0]);
    if (near)
        fy_error_next(err, "did you mean %s? See: ferry help", near);
    else
        fy_error_next(err, "see: ferry help");
    return NULL;
}

/* ---- help ---- */

#define HELP_COLUMN 26
#define BELOW_COLUMN 6 /* in a narrow window */
#define WIDE 110       /* no line of a description is longer */

/* What is on the right goes on below itself. */
static void print_right(const char *text, size_t indent, size_t width)
{
    struct fy_buf lines;
    fy_buf_init(&lines, 0);
    if (wrap_text(text, strlen(text), width, &lines, NULL) == 0) {
        for (size_t i = 0; i < lines.size; i++) {
            (void)putchar(lines.data[i]);
            if (lines.data[i] == '\n')
                (void)printf("%*s", (int)indent - WRAP_STEP, "");
        }
    }
    (void)putchar('\n');
    fy_buf_done(&lines);
}

static void print_entry(const char *left, const char *right)
{
    size_t width = isatty(STDOUT_FILENO) ? terminal_width() : SIZE_MAX;
    size_t indent = width > 2 * HELP_COLUMN ? HELP_COLUMN + 3 : BELOW_COLUMN;
    if (indent == BELOW_COLUMN || strlen(left) >= HELP_COLUMN)
        (void)printf("  %s\n%*s", left, (int)indent, "");
    else
        (void)printf("  %-*s ", HELP_COLUMN, left);
    print_right(right, indent, width > 2 * indent ? width - indent : width);
}

static void print_option(char letter, const char *name, const char *argument, const char *help)
{
    char left[96], brief[8] = "";
    if (letter)
        (void)snprintf(brief, sizeof(brief), "-%c, ", letter);
    (void)snprintf(left, sizeof(left), "%s--%s%s%s", brief, name, argument ? " " : "", argument ? argument : "");
    print_entry(left, help);
}

static void print_common_options(void)
{
    print_option(0, "socket", "PATH", "control socket of ferryd (" CLI_DEFAULT_SOCKET ")");
    print_option(0, "json", NULL, "print JSON");
    print_option(0, "help", NULL, "say how to use it");
}

/* ferryd and sshd run these. */
static bool is_for_programs(const struct cli_command *command)
{
    return command == &cmd_dial || command == &cmd_hold || command == &cmd_rehearse || command == &cmd_stand_in;
}

void cli_print_usage(void)
{
    (void)printf("usage: ferry [--socket PATH] [--json] COMMAND [OPTIONS] ...\n\nCommands:\n");
    for (size_t i = 0; cli_commands[i]; i++) {
        char left[96];
        const struct cli_command *command = cli_commands[i];
        if (is_for_programs(command))
            continue;
        (void)snprintf(left, sizeof(left), "%s%s%s", command->name, command->operands[0] ? " " : "", command->operands);
        print_entry(left, command->summary);
    }
    (void)printf("\nOptions, before or after the command:\n");
    print_common_options();
    (void)printf("\nMore: ferry help COMMAND, ferry(1)\n");
}

/* Its lines are made for a wide window; in a narrow one they are one paragraph. */
static void print_description(const char *description)
{
    FY_AUTO_FREE char *text = strdup(description);
    if (!text)
        return;
    for (char *at = text; isatty(STDOUT_FILENO) && terminal_width() < WIDE && (at = strchr(at, '\n'));)
        *at = ' ';
    (void)putchar('\n');
    wrap_write(stdout, text, strlen(text));
    (void)putchar('\n');
}

void cli_print_help(const struct cli_command *command)
{
    (void)printf("usage: ferry %s%s%s [OPTIONS]\n\n%s.\n", command->name, command->operands[0] ? " " : "",
                 command->operands, command->summary);
    if (command->description)
        print_description(command->description);
    (void)printf("\nOptions:\n");
    for (const struct cli_option *option = command->options; option && option->name; option++)
        print_option(option->letter, option->name, option->argument, option->help);
    print_common_options();
}
