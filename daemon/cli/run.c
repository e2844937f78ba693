/* From a command line to a command's exit code. */
#include "cli.h"
#include "commands.h"
#include "json_job.h"
#include "wrap.h"

#include <errno.h>
#include <ferry/base/cleanup.h>
#include <stdio.h>

void cli_report(const struct cli *cli, const struct fy_error *err)
{
    if (cli->json)
        json_print_error(err);
    (void)fflush(stdout);
    char text[FY_ERROR_MESSAGE_SIZE + FY_ERROR_NEXT_SIZE + 32];
    int size = snprintf(text, sizeof(text), "ferry: %s\n%s%s%s", err->message, err->next[0] ? "  next: " : "",
                        err->next, err->next[0] ? "\n" : "");
    wrap_write(stderr, text, (size_t)size);
}

static enum cli_exit refuse(const struct cli *cli, const struct fy_error *err, const struct cli_command *command)
{
    cli_report(cli, err);
    if (command && !err->next[0])
        (void)fprintf(stderr, "  next: see: ferry help %s\n", command->name);
    return CLI_USAGE;
}

static enum cli_exit run_command(const struct cli_command *command, struct cli *cli, int argc, char **argv)
{
    struct fy_error err = FY_ERROR_INIT;
    int operands = 0;
    FY_AUTO_FREE void *values = calloc(1, command->values_bytes + 1);
    if (!values) {
        fy_error_set(&err, FY_E_NOMEM, "no memory");
        cli_report(cli, &err);
        return CLI_FAILED;
    }
    if (cli_parse_options(command, argc, argv, cli, values, &operands, &err) < 0)
        return refuse(cli, &err, command);
    if (cli->help) {
        cli_print_help(command);
        return CLI_DONE;
    }
    return command->run(cli, argc - operands, argv + operands, values);
}

enum cli_exit cli_main(int argc, char **argv)
{
    struct cli cli = {0};
    struct fy_error err = FY_ERROR_INIT;
    int next = 0, words = 0;
    if (cli_parse_global(argc, argv, &cli, &next, &err) < 0)
        return refuse(&cli, &err, NULL);
    if (cli.help && next == argc) {
        cli_print_usage();
        return CLI_DONE;
    }
    if (cli.version && next == argc)
        return cmd_version.run(&cli, 0, NULL, NULL);
    const struct cli_command *command = cli_find_command(argc - next, argv + next, &words, &err);
    if (!command)
        return refuse(&cli, &err, NULL);
    /* The last word of the name stands where a program's own name does. */
    int skip = next + words - 1;
    enum cli_exit code = run_command(command, &cli, argc - skip, argv + skip);
    if (fflush(stdout) != 0 && code == CLI_DONE) {
        fy_error_errno(&err, errno, "writing standard output");
        cli.json = false;
        cli_report(&cli, &err);
        code = CLI_FAILED;
    }
    return code;
}
