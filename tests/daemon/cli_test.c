/* The client: command lines, what it prints for people and for scripts, and what it never lets through to a terminal.
 */
#include "cli.h"
#include "commands.h"
#include "format_job.h"
#include "json_job.h"
#include "scrub.h"
#include "table.h"
#include "wrap.h"

#include <criterion/criterion.h>
#include <ferry/base/cleanup.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- command lines ---- */

struct values {
    const char *to;
    struct cli_list addresses;
    bool dry_run;
};

static const struct cli_option options[] = {
    {"to", CLI_TEXT, "PEER", "", offsetof(struct values, to), 't'},
    {"address", CLI_LIST, "A", "", offsetof(struct values, addresses), 0},
    {"dry-run", CLI_FLAG, NULL, "", offsetof(struct values, dry_run), 'n'},
    {0},
};
static const struct cli_command command = {
    .name = "migrate", .operands = "WORKLOAD", .options = options, .min_operands = 1, .max_operands = 1};

#define MAX_WORDS 40

/* Splits at spaces into argv; "migrate" is argv[0]. */
static int split(char *line, char **argv)
{
    int argc = 0;
    char *rest = NULL;
    for (char *word = strtok_r(line, " ", &rest); word && argc < MAX_WORDS; word = strtok_r(NULL, " ", &rest))
        argv[argc++] = word;
    argv[argc] = NULL;
    return argc;
}

static int parse(const char *text, struct cli *cli, struct values *values, const char **operand, struct fy_error *err)
{
    static char line[1024];
    static char *argv[MAX_WORDS + 1];
    int first = 0;
    (void)snprintf(line, sizeof(line), "%s", text);
    *cli = (struct cli){0};
    *values = (struct values){0};
    int argc = split(line, argv);
    if (cli_parse_options(&command, argc, argv, cli, values, &first, err) < 0)
        return -1;
    *operand = argv[first];
    return 0;
}

Test(cli, letters_are_short_for_options)
{
    struct cli cli;
    struct values values;
    const char *operand = NULL;
    struct fy_error err = FY_ERROR_INIT;
    cr_assert_eq(parse("migrate -nt b runc/web", &cli, &values, &operand, &err), 0, "%s", err.message);
    cr_expect(values.dry_run);
    cr_expect_str_eq(values.to, "b");
    cr_expect_lt(parse("migrate -x runc/web", &cli, &values, &operand, &err), 0);
    cr_expect(strstr(err.message, "-x is not an option") != NULL, "%s", err.message);
    fy_error_clear(&err);
    cr_expect_lt(parse("migrate runc/web -t", &cli, &values, &operand, &err), 0);
    cr_expect(strstr(err.message, "-t needs a value") != NULL, "%s", err.message);
}

Test(cli, options_stand_before_or_after_operands)
{
    static const char *const lines[] = {"migrate runc/web --to b --json", "migrate --to b runc/web --json",
                                        "migrate --json --to=b runc/web", "migrate --json --to b -- runc/web",
                                        "migrate -t b --json runc/web",   "migrate runc/web --json -tb"};
    for (size_t i = 0; i < FY_ARRAY_SIZE(lines); i++) {
        struct cli cli;
        struct values values;
        const char *operand = NULL;
        struct fy_error err = FY_ERROR_INIT;
        cr_assert_eq(parse(lines[i], &cli, &values, &operand, &err), 0, "%s: %s", lines[i], err.message);
        cr_assert_str_eq(operand, "runc/web");
        cr_assert_str_eq(values.to, "b");
        cr_assert(cli.json);
    }
}

Test(cli, wrong_command_lines_name_the_word_and_what_was_meant)
{
    static const struct {
        const char *line, *message, *next;
    } cases[] = {
        {"migrate", "WORKLOAD", ""},
        {"migrate runc/a runc/b", "runc/b", ""},
        {"migrate runc/a --too b", "--too", "--to"},
        {"migrate runc/a --dry-rum", "--dry-rum", "--dry-run"},
        {"migrate runc/a --to", "--to", ""},
        {"migrate runc/a -x", "-x", ""},
        {"migrate runc/a --dry-run=yes", "--dry-run", ""},
        {"migrate runc/a --addres=1", "", ""},
    };
    for (size_t i = 0; i < FY_ARRAY_SIZE(cases) - 1; i++) {
        struct cli cli;
        struct values values;
        const char *operand = NULL;
        struct fy_error err = FY_ERROR_INIT;
        cr_assert_eq(parse(cases[i].line, &cli, &values, &operand, &err), -1, "%s", cases[i].line);
        cr_assert_eq(err.code, FY_E_USAGE);
        cr_assert_not_null(strstr(err.message, cases[i].message), "%s: %s", cases[i].line, err.message);
        cr_assert_not_null(strstr(err.next, cases[i].next), "%s: %s", cases[i].line, err.next);
    }
}

Test(cli, a_list_takes_several_values_but_not_any_number)
{
    struct cli cli;
    struct values values;
    const char *operand = NULL;
    struct fy_error err = FY_ERROR_INIT;
    char line[1024] = "migrate runc/web";
    cr_assert_eq(parse("migrate runc/web --address x --address y", &cli, &values, &operand, &err), 0);
    cr_assert_eq(values.addresses.count, 2u);
    cr_assert_str_eq(values.addresses.items[1], "y");
    for (int i = 0; i <= CLI_MAX_LIST; i++)
        strcat(line, " --address=x");
    cr_assert_eq(parse(line, &cli, &values, &operand, &err), -1);
}

Test(cli, commands_are_found_by_one_or_two_words_and_misspelt_ones_answered)
{
    static const struct {
        const char *line, *found, *next;
    } cases[] = {
        {"migrate x", "migrate", NULL},   {"job list", "job list", NULL},  {"plan check f", "plan check", NULL},
        {"job", NULL, "list, show"},      {"job lst", NULL, "list, show"}, {"migrat", NULL, "migrate"},
        {"zzzzzzzz", NULL, "ferry help"}, {"", NULL, "ferry help"},        {"job --json", NULL, "cancel"},
    };
    for (size_t i = 0; i < FY_ARRAY_SIZE(cases); i++) {
        char line[64];
        char *argv[MAX_WORDS + 1];
        int words = 0;
        struct fy_error err = FY_ERROR_INIT;
        (void)snprintf(line, sizeof(line), "%s", cases[i].line);
        int argc = split(line, argv);
        const struct cli_command *found = cli_find_command(argc, argv, &words, &err);
        if (cases[i].found) {
            cr_assert_not_null(found, "%s", cases[i].line);
            cr_assert_str_eq(found->name, cases[i].found);
        } else {
            cr_assert_null(found, "%s", cases[i].line);
            cr_assert_not_null(strstr(err.next, cases[i].next), "%s: %s", cases[i].line, err.next);
        }
    }
}

static int run(const char *text)
{
    char line[512];
    char *argv[MAX_WORDS + 1];
    (void)snprintf(line, sizeof(line), "%s", text);
    return (int)cli_main(split(line, argv), argv);
}

static void to_nowhere(void)
{
    cr_assert_not_null(freopen("/dev/null", "w", stdout));
    cr_assert_not_null(freopen("/dev/null", "w", stderr));
}

Test(cli, exit_codes, .init = to_nowhere)
{
    static const struct {
        const char *line;
        int code;
    } cases[] = {
        {"ferry", CLI_USAGE},
        {"ferry --help", CLI_DONE},
        {"ferry --version", CLI_DONE},
        {"ferry help migrate", CLI_DONE},
        {"ferry migrate --help", CLI_DONE},
        {"ferry help job", CLI_USAGE},
        {"ferry version --json", CLI_DONE},
        {"ferry migrate runc/web", CLI_USAGE},
        {"ferry migrate web --to b", CLI_USAGE},
        {"ferry migrate runc/web --to b --tcp maybe", CLI_USAGE},
        {"ferry migrate runc/web --to b --address 1.2.3.4", CLI_USAGE},
        {"ferry --socket /nonexistent/s status", CLI_NO_AGENT},
        {"ferry --json --socket /nonexistent/s migrate runc/web --to b", CLI_NO_AGENT},
        {"ferry job cancel x --socket /nonexistent/s", CLI_NO_AGENT},
        {"ferry dial --peer-socket /nonexistent/s", CLI_NO_AGENT},
        {"ferry plan check /nonexistent/plan.yaml", CLI_FAILED},
        {"ferry hold /nonexistent/s job token", CLI_FAILED},
    };
    for (size_t i = 0; i < FY_ARRAY_SIZE(cases); i++)
        cr_assert_eq(run(cases[i].line), cases[i].code, "%s", cases[i].line);
}

/* ---- what is printed ---- */

static Ferry__Control__Phase phase_list[2] = {FERRY__CONTROL__PHASE__INIT, FERRY__CONTROL__PHASE__INIT};
static Ferry__Control__Phase *phases[2] = {&phase_list[0], &phase_list[1]};
static Ferry__Control__Failure failure = FERRY__CONTROL__FAILURE__INIT;
static Ferry__Control__PreflightItem item_list[2] = {FERRY__CONTROL__PREFLIGHT_ITEM__INIT,
                                                     FERRY__CONTROL__PREFLIGHT_ITEM__INIT};
static Ferry__Control__PreflightItem *items[2] = {&item_list[0], &item_list[1]};

static Ferry__Control__PageCounts pages = FERRY__CONTROL__PAGE_COUNTS__INIT;

static Ferry__Control__Job sample(Ferry__Control__JobState state)
{
    Ferry__Control__Job job = FERRY__CONTROL__JOB__INIT;
    phase_list[0].name = (char *)"dump";
    phase_list[0].start_us = 1500;
    phase_list[0].has_duration_us = 1;
    phase_list[0].duration_us = 400000;
    phase_list[1].name = (char *)"transfer";
    phase_list[1].start_us = 401500;
    job.id = (char *)"m-20261123-114501-4f2a";
    job.role = FERRY__CONTROL__JOB_ROLE__SOURCE;
    job.state = state;
    job.workload = (char *)"runc/web";
    job.peer = (char *)"b";
    job.mode = (char *)"stop";
    job.created_us = 1795434301000000;
    job.elapsed_us = 3200000;
    job.n_phases = 2;
    job.phases = phases;
    job.bytes_total = 1u << 30;
    job.bytes_sent = 256u << 20;
    job.wire_bytes = 200u << 20;
    job.wire_again_bytes = 2048;
    pages.zero_bytes = 1u << 20;
    pages.duplicate_bytes = 4096;
    pages.compressed_bytes = 8192;
    pages.plain_bytes = 100;
    job.pages = &pages;
    job.rate_bytes = 100u << 20;
    job.workload_state = (char *)"frozen at the source";
    return job;
}

Test(cli, progress_line)
{
    char line[FORMAT_LINE_SIZE];
    Ferry__Control__Job job = sample(FERRY__CONTROL__JOB_STATE__ACTIVE);
    format_progress(&job, job.elapsed_us, 200, true, line);
    cr_assert_str_eq(line, "runc/web  active          transfer  256.0 MiB of 1.0 GiB  25 %  100.0 MiB/s  3.2 s");
    /* The narrower the window the less of it, and no number is cut. */
    static const struct {
        size_t width;
        const char *line;
    } narrower[] = {
        {81, "runc/web  active  transfer  256.0 MiB of 1.0 GiB  25 %  100.0 MiB/s  3.2 s"},
        {73, "runc/web  transfer  256.0 MiB of 1.0 GiB  25 %  100.0 MiB/s  3.2 s"},
        {60, "runc/web  transfer  25 %  100.0 MiB/s  3.2 s"},
        {40, "runc/web  transfer  25 %  3.2 s"},
        {24, "runc/web  transfer  25 %"},
        {10, "runc/web  "},
        {0, ""},
    };
    for (size_t i = 0; i < FY_ARRAY_SIZE(narrower); i++) {
        format_progress(&job, job.elapsed_us, narrower[i].width, true, line);
        cr_expect_str_eq(line, narrower[i].line);
    }
    job.workload = (char *)"podman/z\u00fcrich-postgresql-database";
    format_progress(&job, job.elapsed_us, 40, true, line);
    cr_expect_str_eq(line, "podman/z\u2026atabase  transfer  25 %  3.2 s");
    format_progress(&job, job.elapsed_us, 8, true, line);
    cr_expect_str_eq(line, "podman/z");
    format_progress(&job, job.elapsed_us, 9, true, line);
    cr_expect_str_eq(line, "podman/z\u2026");
    job.bytes_total = 0;
    job.rate_bytes = 0;
    format_progress(&job, job.elapsed_us, 200, false, line);
    cr_assert_str_eq(line, "active          transfer  256.0 MiB  3.2 s");
    job.bytes_sent = 0;
    job.n_phases = 0;
    format_progress(&job, 0, 0, false, line);
    cr_assert_str_empty(line);
}

static void expect_block(const Ferry__Control__Job *job, bool with_cause, const char *expected)
{
    const struct format_style style = {.bold = "<", .plain = ">", .with_cause = with_cause};
    struct fy_buf text;
    struct fy_error err = FY_ERROR_INIT;
    fy_buf_init(&text, 0);
    cr_assert_eq(format_job(&text, job, &style, &err), 0, "%s", err.message);
    FY_AUTO_FREE char *got = fy_buf_take_string(&text);
    cr_assert_str_eq(got, expected);
}

Test(cli, block_of_a_failed_job)
{
    Ferry__Control__Job job = sample(FERRY__CONTROL__JOB_STATE__FAILED);
    failure.code = (char *)"dump";
    failure.message = (char *)"CRIU could not";
    failure.next = (char *)"try --tcp close";
    job.failure = &failure;
    job.has_downtime_us = 1;
    job.downtime_us = 312000;
    expect_block(&job, true,
                 "<failed>: runc/web to b\n"
                 "  workload   frozen at the source\n"
                 "  job        m-20261123-114501-4f2a\n"
                 "  total      3.2 s\n"
                 "  downtime   312 ms\n"
                 "  image set  1.0 GiB, 256.0 MiB transferred, 200.0 MiB on the wire, of them sent again 2.0 KiB\n"
                 "  pages      zero 1.0 MiB, duplicate 4.0 KiB, compressed 8.0 KiB, as they are 100 B\n"
                 "  phases     dump 400 ms, transfer goes on\n"
                 "  cause      CRIU could not\n"
                 "  next       try --tcp close\n");
    cr_assert_eq(exit_of_job(&job), CLI_FAILED);
    failure.code = (char *)"verify";
    cr_assert_eq(exit_of_job(&job), CLI_NOT_VERIFIED);
    job.state = FERRY__CONTROL__JOB_STATE__CANCELLED;
    cr_assert_eq(exit_of_job(&job), CLI_CANCELLED);
}

Test(cli, block_of_a_dry_run_shows_every_answer)
{
    Ferry__Control__Job job = sample(FERRY__CONTROL__JOB_STATE__COMPLETED);
    item_list[0].name = (char *)"criu";
    item_list[0].ok = 1;
    item_list[0].detail = (char *)"4.2.1";
    item_list[1].name = (char *)"space";
    item_list[1].ok = 0;
    item_list[1].detail = (char *)"1.0 GiB is needed";
    item_list[1].next = (char *)"make room";
    job.has_dry_run = 1;
    job.dry_run = 1;
    job.n_preflight = 2;
    job.preflight = items;
    job.n_phases = 0;
    job.bytes_total = job.bytes_sent = 0;
    job.pages = NULL;
    job.workload_state = NULL;
    expect_block(&job, false,
                 "<completed>: runc/web to b, dry run\n"
                 "  job        m-20261123-114501-4f2a\n"
                 "  total      3.2 s\n"
                 "  preflight  ok   criu: 4.2.1\n"
                 "             NO   space: 1.0 GiB is needed\n"
                 "                    next: make room\n");
}

Test(cli, row_of_the_list)
{
    struct fy_buf text;
    Ferry__Control__Job job = sample(FERRY__CONTROL__JOB_STATE__COMPLETED);
    (void)setenv("TZ", "UTC", 1);
    fy_buf_init(&text, 0);
    cr_assert_eq(format_job_row(&text, &job, NULL), 0);
    FY_AUTO_FREE char *got = fy_buf_take_string(&text);
    char *mark = strchr(got, TABLE_MARK[0]); /* the year may be left out while it lasts */
    if (mark)
        memmove(mark, mark + 1, strlen(mark));
    cr_assert_str_eq(got, "m-20261123-114501-4f2a\tcompleted\trunc/web\tto b\t2026-11-23 11:45:01\t3.2 s\t256.0 MiB\n");
}

static void expect_table_in(size_t width, const char *cells, const char *wanted)
{
    struct fy_buf from, text;
    fy_buf_init(&from, 0);
    fy_buf_init(&text, 0);
    cr_assert_eq(fy_buf_append(&from, cells, strlen(cells), NULL), 0);
    cr_assert_eq(table_format(&from, width, &text, NULL), 0);
    FY_AUTO_FREE char *got = fy_buf_take_string(&text);
    cr_expect_str_eq(got, wanted);
    fy_buf_done(&from);
}

static void expect_table(const char *cells, const char *wanted)
{
    expect_table_in(0, cells, wanted);
}

Test(cli, columns_are_as_wide_as_what_is_in_them)
{
    expect_table("", "");
    expect_table("A\tB\n", "A  B\n");
    expect_table("NAME\t>BYTES\tWHY\nlonger-one\t1\tbecause of this\nb\t1234567\t-\n",
                 "NAME          BYTES  WHY\n"
                 "longer-one        1  because of this\n"
                 "b           1234567  -\n");
    /* Letters of more bytes than columns; nothing in the last cells; no heading over the first column. */
    expect_table("\tWHAT\nz\u00fcrich\t\nx\ty\n", "        WHAT\nz\u00fcrich\nx       y\n");
    /* Only a heading says that a column is set flush right. */
    expect_table("A\tB\n>x\t1\n", "A   B\n>x  1\n");
    expect_table("1\t2\t3\t4\t5\t6\t7\t8\t9\nwide\n", "1     2  3  4  5  6  7  8\t9\nwide\n");
}

static const char jobs[] = "JOB\t~WORKLOAD\t-CREATED\t->BYTES\tSTATE\n"
                           "m-1\trunc/z\u00fcrich-postgresql-database\t2026-11-26 \00110:00:00\t1.0 GiB\tok\n"
                           "m-2\tcheckpoint/\001c-20261126-002335-e775\t2026-\00111-25 11:00:00\t-\tok\n";

Test(cli, a_table_fits_into_its_terminal)
{
    expect_table_in(0, jobs,
                    "JOB  WORKLOAD                           CREATED                BYTES  STATE\n"
                    "m-1  runc/z\u00fcrich-postgresql-database    2026-11-26 10:00:00  1.0 GiB  ok\n"
                    "m-2  checkpoint/c-20261126-002335-e775  2026-11-25 11:00:00        -  ok\n");
    /* The date goes on its day, and the year; what is in front of an id goes; an id is never cut. */
    expect_table_in(64, jobs,
                    "JOB  WORKLOAD                     CREATED           BYTES  STATE\n"
                    "m-1  runc/z\u00fcrich-p\u2026esql-database  10:00:00        1.0 GiB  ok\n"
                    "m-2  c-20261126-002335-e775       11-25 11:00:00        -  ok\n");
    expect_table_in(43, jobs,
                    "JOB  WORKLOAD                  BYTES  STATE\n"
                    "m-1  runc/z\u00fcrich\u2026l-database  1.0 GiB  ok\n"
                    "m-2  c-20261126-002335-e775        -  ok\n");
    expect_table_in(20, jobs,
                    "JOB  WORKLOAD\n  STATE\n"
                    "m-1\n  runc/z\u00fcrich\u2026l-database\n  ok\n"
                    "m-2\n  c-20261126-002335-e775\n  ok\n");
}

Test(cli, the_text_of_a_table_goes_on_below)
{
    static const char cells[] = "NAME\tWHEN\t=RESULT\na\tdaily\t1 checkpoint, 1 failed: it would have stood still\n"
                                "b\tnever\t-\n";
    expect_table_in(62, cells,
                    "NAME  WHEN   RESULT\na     daily  1 checkpoint, 1 failed: it would have stood still\n"
                    "b     never  -\n");
    expect_table_in(55, cells,
                    "NAME  WHEN   RESULT\na     daily  1 checkpoint, 1 failed: it would have\n"
                    "             stood still\nb     never  -\n");
    expect_table_in(40, cells,
                    "NAME  WHEN   RESULT\na     daily\n    1 checkpoint, 1 failed: it would\n"
                    "    have stood still\nb     never  -\n");
}

static void expect_wrapped(const char *text, size_t width, const char *wanted)
{
    struct fy_buf out;
    fy_buf_init(&out, 0);
    cr_assert_eq(wrap_text(text, strlen(text), width, &out, NULL), 0);
    FY_AUTO_FREE char *got = fy_buf_take_string(&out);
    cr_expect_str_eq(got, wanted);
}

Test(cli, long_lines_are_broken_between_words)
{
    expect_wrapped("", 20, "");
    expect_wrapped("short\n  also short\n", 20, "short\n  also short\n");
    expect_wrapped("ferry: no peer is called nowhere\n  next: see ferry peer list\n", 20,
                   "ferry: no peer is\n  called nowhere\n  next: see ferry\n    peer list\n");
    /* Below where the value begins; a value that is too long alone stays whole. */
    expect_wrapped("  phases   dump 1 s, check 2 s, send 3 s", 24,
                   "  phases   dump 1 s,\n           check 2 s,\n           send 3 s");
    expect_wrapped("  logs     /a/path/that/is/longer/than/the/line and more", 20,
                   "  logs     /a/path/that/is/longer/than/the/line\n           and more");
    /* Neither attributes nor continuation bytes take a column. */
    expect_wrapped("\033[1;31mfailed\033[0m: z\u00fcrich to b", 19, "\033[1;31mfailed\033[0m: z\u00fcrich to b");
}

static char *json_of(const Ferry__Control__Job *job)
{
    struct fy_json *json = fy_json_new(false);
    char *text = NULL;
    struct fy_error err = FY_ERROR_INIT;
    json_job(json, NULL, job);
    cr_assert_eq(fy_json_finish(json, &text, &err), 0, "%s", err.message);
    fy_json_free(json);
    return text;
}

Test(cli, json_of_a_job)
{
    Ferry__Control__Job job = sample(FERRY__CONTROL__JOB_STATE__FAILED);
    failure.code = (char *)"dump";
    failure.message = (char *)"CRIU \"could\" not";
    failure.next = NULL;
    job.failure = &failure;
    FY_AUTO_FREE char *text = json_of(&job);
    cr_assert_str_eq(
        text,
        "{\"job\":\"m-20261123-114501-4f2a\",\"kind\":\"migration\",\"state\":\"failed\",\"role\":\"source\",\"mode\":"
        "\"stop\","
        "\"workload\":\"runc/web\",\"to\":\"b\",\"dry_run\":false,\"plan\":null,\"group\":null,"
        "\"workload_state\":\"frozen at the source\",\"created\":\"2026-11-23T11:45:01.000Z\",\"ended\":null,"
        "\"bytes_total\":1073741824,\"bytes_transferred\":268435456,\"wire_bytes\":209715200,\"wire_bytes_again\":2048,"
        "\"pages\":{\"zero_bytes\":1048576,\"duplicate_bytes\":4096,\"compressed_bytes\":8192,\"plain_bytes\":100},"
        "\"rate_bytes_per_second\":104857600,\"total_time_ms\":3200.000,\"downtime_ms\":null,"
        "\"root_pid\":null,\"phases\":[{\"name\":\"dump\",\"start_ms\":1.500,\"duration_ms\":400.000},"
        "{\"name\":\"transfer\",\"start_ms\":401.500,\"duration_ms\":null}],\"switchover\":null,\"preflight\":[],"
        "\"logs\":[],"
        "\"log_dir\":null,\"error\":{\"code\":\"dump\",\"message\":\"CRIU \\\"could\\\" not\",\"next\":null}}");
}

/* ---- what does not get through ---- */

Test(cli, control_characters_become_harmless_everywhere_in_a_message)
{
    Ferry__Control__Reply reply = FERRY__CONTROL__REPLY__INIT;
    Ferry__Control__Job job = sample(FERRY__CONTROL__JOB_STATE__FAILED);
    char workload[] = "runc/\033[2Jx", message[] = "a\nb\x7f", log[] = "\rlog", phase[] = "d\tump",
         c1[] = "x\xc2\x9bz\xc3\xa9";
    char *logs[] = {log};
    failure.code = c1;
    failure.message = message;
    failure.next = NULL;
    job.failure = &failure;
    job.workload = workload;
    phase_list[0].name = phase;
    job.logs = logs;
    job.n_logs = 1;
    reply.kind_case = FERRY__CONTROL__REPLY__KIND_JOB;
    reply.job = &job;
    scrub_message(&reply.base);
    cr_assert_str_eq(workload, "runc/?[2Jx");
    cr_assert_str_eq(message, "a?b?");
    cr_assert_str_eq(log, "?log");
    cr_assert_str_eq(phase, "d?ump");
    cr_assert_str_eq(c1, "x??z\xc3\xa9");
}

Test(cli, lines_of_a_log_stay_lines)
{
    char text[] = "one\n\ttwo\033[1m\r\n";
    scrub_text(text, sizeof(text) - 1, true);
    cr_assert_str_eq(text, "one\n\ttwo?[1m?\n");
}
