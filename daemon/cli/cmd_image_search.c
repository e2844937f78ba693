/* ferry image search DIR: finds text, bytes or a regular expression in the memory of a checkpoint. */
#include "commands.h"
#include "image_hit.h"
#include "image_place.h"
#include "terminal.h"

#include <ferry/base/cleanup.h>
#include <ferry/base/text.h>
#include <inttypes.h>
#include <stdio.h>

#define DEFAULT_CONTEXT_BYTES 32

struct values {
    const char *regex, *hex, *pid, *context, *limit;
};

struct numbers {
    uint64_t pid, context_bytes, limit; /* limit 0: all */
};

static int parse_number(const char *name, const char *text, uint64_t min, uint64_t max, uint64_t *value,
                        struct fy_error *err)
{
    if (!text || (fy_text_parse_uint(text, max, value) && *value >= min))
        return 0;
    return fy_error_set(err, FY_E_USAGE, "--%s %s is not a number from %" PRIu64 " to %" PRIu64, name, text, min, max);
}

static int parse_numbers(const struct values *values, struct numbers *numbers, struct fy_error *err)
{
    *numbers = (struct numbers){.context_bytes = DEFAULT_CONTEXT_BYTES};
    if (parse_number("pid", values->pid, 1, INT32_MAX, &numbers->pid, err) < 0 ||
        parse_number("context", values->context, 0, FY_SEARCH_CONTEXT_MAX_BYTES, &numbers->context_bytes, err) < 0)
        return -1;
    return parse_number("limit", values->limit, 1, UINT64_MAX, &numbers->limit, err);
}

/* What is searched is said in exactly one of three ways. */
static int make_pattern(const struct values *values, const char *text, struct fy_pattern **pattern,
                        struct fy_error *err)
{
    int ways = (text != NULL) + (values->regex != NULL) + (values->hex != NULL);
    if (ways != 1) {
        fy_error_set(err, FY_E_USAGE, ways ? "there is more than one thing to search for" : "what to search for?");
        return fy_error_next(err, "Give one of: TEXT, --regex RE, --hex BYTES");
    }
    if (text)
        return fy_pattern_new(FY_PATTERN_TEXT, text, pattern, err);
    return fy_pattern_new(values->regex ? FY_PATTERN_REGEX : FY_PATTERN_HEX,
                          values->regex ? values->regex : values->hex, pattern, err);
}

/* ---- running ---- */

struct run {
    struct hit_printer printer;
    uint64_t limit;
    bool is_out_of_memory;
};

static int on_hit(const struct fy_search_hit *hit, void *data)
{
    struct run *run = data;
    run->is_out_of_memory = hit_print(&run->printer, hit) < 0;
    return run->is_out_of_memory || run->printer.count == run->limit;
}

static void print_missing(uint64_t pages, const char *where)
{
    if (pages)
        (void)printf("not searched: %" PRIu64 " page%s %s\n", pages, pages == 1 ? "" : "s", where);
}

static void print_end(const struct run *run, const struct fy_search_summary *summary)
{
    char bytes[FY_TEXT_SIZE];
    bool is_limited = run->limit && run->printer.count == run->limit;
    fy_text_bytes(summary->searched_bytes, bytes);
    (void)printf("%" PRIu64 " hit%s in %s%s\n", summary->hits, summary->hits == 1 ? "" : "s", bytes,
                 is_limited ? ", and perhaps more behind the limit" : "");
    print_missing(summary->lazy_pages, "still on the source");
    print_missing(summary->lost_pages, "missing from the parent sets");
}

static void print_json_end(const struct run *run, const struct fy_search_summary *summary, bool failed)
{
    (void)printf("],\n\"hit_count\": %" PRIu64 ", \"searched_bytes\": %" PRIu64 ", \"lazy_pages\": %" PRIu64
                 ", \"lost_pages\": %" PRIu64 ", \"limited\": %s, \"complete\": %s}\n",
                 summary->hits, summary->searched_bytes, summary->lazy_pages, summary->lost_pages,
                 run->limit && run->printer.count == run->limit ? "true" : "false", failed ? "false" : "true");
}

static int search(struct run *run, int dir_fd, const struct fy_search_options *options, struct fy_error *err)
{
    struct fy_search_summary summary = {0};
    if (run->printer.json)
        (void)printf("{\"hits\": [");
    int status = fy_search_set(dir_fd, run->printer.explore, options, on_hit, run, &summary, err);
    if (run->is_out_of_memory)
        status = fy_error_set(err, FY_E_NOMEM, "no memory for printing a hit");
    if (run->printer.json)
        print_json_end(run, &summary, status < 0);
    else
        print_end(run, &summary);
    return status;
}

static enum cli_exit refuse(const struct cli *cli, struct fy_error *err)
{
    cli_report(cli, err);
    return err->code == FY_E_USAGE ? CLI_USAGE : CLI_FAILED;
}

static enum cli_exit search_directory(struct cli *cli, const char *path, struct fy_pattern *pattern,
                                      const struct numbers *numbers)
{
    struct fy_error err = FY_ERROR_INIT;
    struct fy_explore *explore = NULL;
    FY_AUTO_CLOSE int dir_fd = image_open_directory(path, &err);
    if (dir_fd < 0 || fy_explore_open(dir_fd, FY_EXPLORE_MAPPINGS, &explore, &err) < 0)
        return refuse(cli, &err);
    struct run run = {.printer = {.explore = explore, .json = cli->json, .colour = terminal_has_colour()},
                      .limit = numbers->limit};
    const struct fy_search_options options = {
        .pattern = pattern, .pid = (uint32_t)numbers->pid, .context_bytes = (size_t)numbers->context_bytes};
    int status = search(&run, dir_fd, &options, &err);
    fy_explore_free(explore);
    if (status == 0)
        return CLI_DONE;
    /* The document on standard output is whole already. */
    const struct cli plain = {.json = false};
    return refuse(&plain, &err);
}

static enum cli_exit run(struct cli *cli, int count, char **operands, const void *given)
{
    const struct values *values = given;
    struct numbers numbers;
    struct fy_error err = FY_ERROR_INIT;
    struct fy_pattern *pattern = NULL;
    if (parse_numbers(values, &numbers, &err) < 0 ||
        make_pattern(values, count > 1 ? operands[1] : NULL, &pattern, &err) < 0)
        return refuse(cli, &err);
    enum cli_exit code = search_directory(cli, operands[0], pattern, &numbers);
    fy_pattern_free(pattern);
    return code;
}

static const struct cli_option options[] = {
    {"regex", CLI_TEXT, "RE", "search for a regular expression (PCRE2, on bytes)", offsetof(struct values, regex), 0},
    {"hex", CLI_TEXT, "BYTES", "search for bytes, such as \"de ad be ef\"", offsetof(struct values, hex), 0},
    {"pid", CLI_TEXT, "N", "only this task and the shared memory it maps", offsetof(struct values, pid), 0},
    {"context", CLI_TEXT, "N", "show N bytes in front and behind (32)", offsetof(struct values, context), 0},
    {"limit", CLI_TEXT, "N", "stop after N hits", offsetof(struct values, limit), 0},
    {0},
};

const struct cli_command cmd_image_search = {
    .name = "image search",
    .operands = "DIR [TEXT]",
    .summary = "Find text or bytes in the memory of a checkpoint",
    .description =
        "Searches what the set and its parents store: pages of zeros and unchanged pages of mapped files are not "
        "stored.\nWhat is found may be secret; it is printed with everything but plain ASCII escaped.",
    .options = options,
    .values_bytes = sizeof(struct values),
    .min_operands = 1,
    .max_operands = 2,
    .run = run,
};
