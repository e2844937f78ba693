/* ferry help [COMMAND] */
#include "commands.h"

static enum cli_exit run(struct cli *cli, int count, char **operands, const void *values)
{
    (void)values;
    int words = 0;
    struct fy_error err = FY_ERROR_INIT;
    if (count == 0) {
        cli_print_usage();
        return CLI_DONE;
    }
    const struct cli_command *command = cli_find_command(count, operands, &words, &err);
    if (command && words == count) {
        cli_print_help(command);
        return CLI_DONE;
    }
    if (command)
        fy_error_set(&err, FY_E_USAGE, "ferry %s takes no command %s", command->name, operands[words]);
    cli_report(cli, &err);
    return CLI_USAGE;
}

const struct cli_command cmd_help = {
    .name = "help",
    .operands = "[COMMAND]",
    .summary = "Say how to use ferry, or one command",
    .max_operands = 2,
    .run = run,
};
