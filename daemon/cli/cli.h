/* What every command of the client shares: who runs it, its exit codes, and how a command describes itself. */
#ifndef FERRY_CLI_CLI_H
#define FERRY_CLI_CLI_H

#include <ferry/base/error.h>
#include <ferry/control.pb-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLI_DEFAULT_SOCKET "/run/ferry/control.sock"
#define CLI_DEFAULT_PEER_SOCKET "/run/ferry/peer.sock"
#define CLI_MAX_LIST 16

enum cli_exit {
    CLI_DONE = 0,
    CLI_FAILED = 1,
    CLI_USAGE = 2,
    CLI_NOT_VERIFIED = 3,
    CLI_NO_AGENT = 4,
    CLI_CANCELLED = 5,
};

/* The options that every command takes. */
struct cli {
    const char *socket; /* NULL: not given */
    bool json;
    bool help;
    bool version; /* the same as the command */
};

/* Values of an option that may be repeated. */
struct cli_list {
    const char *items[CLI_MAX_LIST];
    size_t count;
};

enum cli_option_kind { CLI_FLAG, CLI_TEXT, CLI_LIST };

/* One option of a command; `offset` is where its value (bool, const char *, struct cli_list) stands in the command's
 * values. The list ends with a NULL name. */
struct cli_option {
    const char *name;
    enum cli_option_kind kind;
    const char *argument; /* what it is called in the help; NULL for flags */
    const char *help;
    size_t offset;
    char letter; /* its short form; 0: none */
};

struct cli_command {
    const char *name; /* one or two words */
    const char *operands;
    const char *summary;
    const char *description;          /* more, for `ferry help COMMAND`; may be NULL */
    const struct cli_option *options; /* NULL: none of its own */
    size_t values_bytes;
    int min_operands, max_operands;
    enum cli_exit (*run)(struct cli *cli, int count, char **operands, const void *values);
};

/* commands.c */
extern const struct cli_command *const cli_commands[]; /* ends with NULL */
/* The command that argv[0] (and argv[1]) names; *words is how many of them its name takes. NULL: none, and `err` says
 * what was probably meant. */
const struct cli_command *cli_find_command(int argc, char **argv, int *words, struct fy_error *err);
void cli_print_usage(void);
void cli_print_help(const struct cli_command *command);

/* options.c: parses argv[1..] (argv[0] is skipped) into `cli` and `values`, operands are moved to the end and *operands
 * is the index of the first. FY_E_USAGE. With --help the rest is not judged. */
int cli_parse_options(const struct cli_command *command, int argc, char **argv, struct cli *cli, void *values,
                      int *operands, struct fy_error *err);
/* Only the options before the command's name; *next is the index of the name. */
int cli_parse_global(int argc, char **argv, struct cli *cli, int *next, struct fy_error *err);

/* main.c without the process: runs what argv says. */
enum cli_exit cli_main(int argc, char **argv);

/* "ferry: MESSAGE" and "  next: …" on standard error; with --json also {"error":…} on standard output. */
void cli_report(const struct cli *cli, const struct fy_error *err);

#endif
