/* Command lines: getopt_long over the table that the command gives, with errors that name the option and what was
 * probably meant. */
#include "cli.h"

#include <ferry/base/cleanup.h>
#include <ferry/base/text.h>
#include <getopt.h>
#include <string.h>

#define MAX_OPTIONS 24
#define FIRST_OWN 1000 /* getopt's value of a command's first own option */

static const struct cli_option global_options[] = {
    {"socket", CLI_TEXT, "PATH", "control socket of ferryd (" CLI_DEFAULT_SOCKET ")", offsetof(struct cli, socket), 0},
    {"json", CLI_FLAG, NULL, "print JSON", offsetof(struct cli, json), 0},
    {"help", CLI_FLAG, NULL, "say how to use it", offsetof(struct cli, help), 0},
    {"version", CLI_FLAG, NULL, "print the version", offsetof(struct cli, version), 0},
    {0},
};

/* Options of both tables in getopt's form; `from` tells where each came from. */
struct table {
    struct option getopt_form[MAX_OPTIONS + 1];
    const struct cli_option *from[MAX_OPTIONS];
    const char *names[MAX_OPTIONS];
    size_t count, own_from;
};

static void add_options(struct table *table, const struct cli_option *options)
{
    for (const struct cli_option *option = options; option && option->name && table->count < MAX_OPTIONS; option++) {
        size_t i = table->count++;
        table->getopt_form[i] = (struct option){
            option->name, option->kind == CLI_FLAG ? no_argument : required_argument, NULL, FIRST_OWN + (int)i};
        table->from[i] = option;
        table->names[i] = option->name;
    }
}

static void make_table(struct table *table, const struct cli_command *command)
{
    *table = (struct table){0};
    add_options(table, global_options);
    table->own_from = table->count;
    if (command)
        add_options(table, command->options);
}

static int set_value(const struct cli_option *option, char *value, void *into, struct fy_error *err)
{
    char *place = (char *)into + option->offset;
    if (option->kind == CLI_FLAG) {
        *(bool *)(void *)place = true;
    } else if (option->kind == CLI_TEXT) {
        *(const char **)(void *)place = value;
    } else {
        struct cli_list *list = (struct cli_list *)(void *)place;
        if (list->count == CLI_MAX_LIST)
            return fy_error_set(err, FY_E_USAGE, "--%s was given more than %d times", option->name, CLI_MAX_LIST);
        list->items[list->count++] = value;
    }
    return 0;
}

/* `word` is the argument that getopt did not like. */
static int refuse(const struct table *table, const char *word, int what, struct fy_error *err)
{
    if (what == ':')
        return fy_error_set(err, FY_E_USAGE, "%s needs a value", word);
    fy_error_set(err, FY_E_USAGE, "%s is not an option here", word);
    char name[64];
    const char *bare = word + strspn(word, "-");
    (void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(bare, "="), bare);
    const char *near = fy_text_nearest(name, table->names, table->count);
    if (near)
        fy_error_next(err, "did you mean --%s?", near);
    return -1;
}

/* getopt's list of letters: `prefix` (how it treats operands), -h, and those of the table. */
static void list_letters(const struct table *table, const char *prefix, char letters[8 + 2 * MAX_OPTIONS])
{
    char *end = stpcpy(stpcpy(letters, prefix), ":h");
    for (size_t i = 0; i < table->count; i++) {
        if (!table->from[i]->letter)
            continue;
        *end++ = table->from[i]->letter;
        if (table->from[i]->kind != CLI_FLAG)
            *end++ = ':';
    }
    *end = '\0';
}

/* The index of the option that getopt's result stands for; the table's count: none. */
static size_t find_option(const struct table *table, int option)
{
    size_t i = 0;
    if (option >= FIRST_OWN)
        return (size_t)(option - FIRST_OWN);
    while (i < table->count && (!table->from[i]->letter || table->from[i]->letter != option))
        i++;
    return i;
}

static int parse(const struct table *table, const char *prefix, int argc, char **argv, struct cli *cli, void *values,
                 struct fy_error *err)
{
    int option;
    char letters[8 + 2 * MAX_OPTIONS];
    list_letters(table, prefix, letters);
    optind = 0; /* glibc: begin anew */
    opterr = 0;
    while ((option = getopt_long(argc, argv, letters, table->getopt_form, NULL)) != -1) {
        size_t i = find_option(table, option);
        if (option == 'h') {
            cli->help = true;
        } else if (i == table->count) {
            const char *word = argv[optind > 1 ? optind - 1 : 1];
            char letter[3] = {'-', (char)optopt, '\0'};
            bool is_letter = optopt > 0 && optopt < FIRST_OWN && strncmp(word, "--", 2) != 0;
            return refuse(table, is_letter ? letter : word, option, err);
        } else {
            if (set_value(table->from[i], optarg, i < table->own_from ? (void *)cli : values, err) < 0)
                return -1;
        }
    }
    return 0;
}

int cli_parse_global(int argc, char **argv, struct cli *cli, int *next, struct fy_error *err)
{
    struct table table;
    make_table(&table, NULL);
    if (parse(&table, "+", argc, argv, cli, NULL, err) < 0)
        return -1;
    *next = optind;
    return 0;
}

int cli_parse_options(const struct cli_command *command, int argc, char **argv, struct cli *cli, void *values,
                      int *operands, struct fy_error *err)
{
    struct table table;
    make_table(&table, command);
    if (parse(&table, "", argc, argv, cli, values, err) < 0)
        return -1;
    int count = argc - optind;
    *operands = optind;
    if (cli->help)
        return 0;
    if (count < command->min_operands)
        return fy_error_set(err, FY_E_USAGE, "%s: expected %s", command->name, command->operands);
    if (count > command->max_operands)
        return fy_error_set(err, FY_E_USAGE, "%s: %s is one operand too many", command->name,
                            argv[optind + command->max_operands]);
    return 0;
}
