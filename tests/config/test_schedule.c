/* Schedules of a plan: each kind of mistake with its exact words and place, then values. */
#include <criterion/criterion.h>
#include <ferry/base/cleanup.h>
#include <ferry/config/schedule.h>
#include <string.h>

#define HEAD "version: 1\nschedules:\n"
#define ONE HEAD "  - name: web\n    workloads: [runc/web]\n"
#define EVERY ONE "    every: 15m\n"

static const struct {
    const char *text, *message;
} mistakes[] = {
    {"version: 1\n", "p:1:1: 'migrations' or 'schedules' is missing"},
    {HEAD, "p:2:11: schedules: expected a list of at least one schedule, got nothing"},
    {"version: 1\nschedules: {}\n", "p:2:12: schedules: expected a list of at least one schedule, got a mapping"},
    {HEAD "  -\n", "p:3:4: schedules[0]: expected a mapping with name, workloads and every or cron, got nothing"},
    {HEAD "  - {name: a, every: 1m}\n", "p:3:5: schedules[0]: 'workloads' or 'labels' is missing"},
    {HEAD "  - {name: a, every: 1m, workloads: [], labels: }\n",
     "p:3:5: schedules[0]: 'workloads' or 'labels' is missing"},
    {HEAD "  - {workloads: [runc/a], every: 1m}\n", "p:3:5: schedules[0]: 'name' is missing"},
    {HEAD "  - {name: a/b, workloads: [runc/a], every: 1m}\n",
     "p:3:12: schedules[0].name: expected a name of at most 63 letters, digits, '.', '_' and '-', beginning with a "
     "letter or digit, got 'a/b'"},
    {HEAD "  - {name: a, workloads: [web], every: 1m}\n",
     "p:3:27: schedules[0].workloads[0]: expected process/PID, runc/ID, podman/NAME or a pattern such as "
     "runc/db-*, got 'web'"},
    {HEAD "  - {name: a, workloads: ['process/*'], every: 1m}\n",
     "p:3:27: schedules[0].workloads[0]: expected process/PID, runc/ID, podman/NAME or a pattern such as "
     "runc/db-*, got "
     "'process/*'"},
    {HEAD "  - {name: a, workloads: ['*/web'], every: 1m}\n",
     "p:3:27: schedules[0].workloads[0]: expected process/PID, runc/ID, podman/NAME or a pattern such as "
     "runc/db-*, got "
     "'*/web'"},
    {HEAD "  - {name: a, labels: [app], every: 1m}\n",
     "p:3:24: schedules[0].labels[0]: expected a label such as app=web, got 'app'"},
    {HEAD "  - {name: a, labels: ['=web'], every: 1m}\n",
     "p:3:24: schedules[0].labels[0]: expected a label such as app=web, got '=web'"},
    {ONE, "p:3:5: schedules[0]: 'every' or 'cron' is missing"},
    {EVERY "    cron: '0 3 * * *'\n", "p:6:11: schedules[0]: only one of 'every' and 'cron' can say when"},
    {ONE "    every: 500ms\n", "p:5:12: schedules[0].every: expected a duration from 1s to 366d, got '500ms'"},
    {ONE "    every: 1500ms\n", "p:5:12: schedules[0]: expected whole seconds, got '1500ms'"},
    {ONE "    every: often\n", "p:5:12: schedules[0].every: expected a duration such as 10s, got 'often'"},
    {ONE "    cron: 0 25 * * *\n",
     "p:5:11: schedules[0].cron: cron: hour '25': expected *, or numbers from 0 to 23 such as 0,1-23/2"},
    {EVERY "    timezone: Europe/../Berlin\n",
     "p:6:15: schedules[0].timezone: time zone 'Europe/../Berlin': expected UTC or a name such as Europe/Berlin"},
    {EVERY "    jitter: 15m\n", "p:6:13: schedules[0]: expected less than the 15m of 'every', got '15m'"},
    {EVERY "    missed: run-one\n",
     "p:6:13: schedules[0].missed: expected run-once, skip or run-all, got 'run-one'; did you mean 'run-once'?"},
    {EVERY "    max_parallel: 0\n", "p:6:19: schedules[0].max_parallel: expected a whole number from 1 to 64, got '0'"},
    {EVERY "    window: 22-6\n", "p:6:13: schedules[0].window: expected hours such as 22:00-06:00, got '22-6'"},
    {EVERY "    window: [22:00-24:01]\n",
     "p:6:14: schedules[0].window[0]: expected hours such as 22:00-06:00, got '22:00-24:01'"},
    {EVERY "    window: 07:00-07:00\n",
     "p:6:13: schedules[0].window: expected hours such as 22:00-06:00, got '07:00-07:00'"},
    {ONE "    cron: 0 12 * * *\n    window: 22:00-06:00\n",
     "p:6:13: schedules[0]: no run of cron '0 12 * * *' lies in these hours"},
    {ONE "    every: 6h\n    window: 01:00-05:00\n",
     "p:6:13: schedules[0]: no multiple of 6h, counted from midnight UTC, lies in these hours"},
    {EVERY "    keep: {lst: 5}\n", "p:6:12: unknown key 'lst' in schedules[0].keep; did you mean 'last'?"},
    {EVERY "    keep: {last: 0}\n",
     "p:6:18: schedules[0].keep.last: expected a whole number from 1 to 100000, got '0'"},
    {EVERY "    keep: {max_size: 20GB}\n",
     "p:6:22: schedules[0].keep.max_size: expected a size such as 20GiB, got '20GB'"},
    {EVERY "    keep: {min_free: 100%}\n",
     "p:6:22: schedules[0].keep.min_free: expected a share from 1% to 99%, got '100%'"},
    {EVERY "    keep: {min_free: 10}\n",
     "p:6:22: schedules[0].keep.min_free: expected a share from 1% to 99%, got '10'"},
    {EVERY "    verify: dayly\n", "p:6:13: schedules[0].verify: expected hourly, daily, weekly, monthly or a "
                                  "duration such as 12h, got 'dayly'"},
    {EVERY "    probe: look\n", "p:6:12: schedules[0]: a probe looks at rehearsals: 'rehearse' is missing"},
    {EVERY "    rehearse: daily\n    probe: /bin/true\n",
     "p:7:12: schedules[0].probe: expected the name of a file in hooks_dir, without a directory, got '/bin/true'"},
    {EVERY "    hooks: [{stage: post-restore, on: source, run: x}]\n",
     "p:6:12: schedules[0]: the stages of a checkpoint are pre-dump, post-commit and post-abort, not post-restore"},
    {EVERY "    hooks: [{stage: pre-dump, on: destination, run: x}]\n",
     "p:6:12: schedules[0]: a checkpoint has no destination: 'on' can only be source"},
    {EVERY "    replicate_to: b/c\n", "p:6:19: schedules[0].replicate_to: expected a peer name of at most 63 "
                                      "letters, digits, '.', '_' and '-', got 'b/c'"},
    {EVERY "    received_from: b\n",
     "p:4:16: schedules[0]: with 'received_from' no checkpoints are taken, and 'workloads' says nothing"},
    {HEAD "  - {name: a, received_from: b, every: 1h, replicate_to: c}\n",
     "p:3:58: schedules[0]: with 'received_from' no checkpoints are taken, and 'replicate_to' says nothing"},
    {HEAD "  - {name: a, received_from: b}\n", "p:3:5: schedules[0]: 'every' or 'cron' is missing"},
    {EVERY "    evry: 1m\n", "p:6:5: unknown key 'evry' in schedules[0]; did you mean 'every'?"},
    {EVERY "  - {name: web, workloads: [runc/b], every: 1h}\n",
     "p:6:12: schedules[1]: the schedule in line 3 is called web already"},
};

Test(schedule, mistakes)
{
    for (size_t i = 0; i < FY_ARRAY_SIZE(mistakes); i++) {
        struct fy_error err = FY_ERROR_INIT;
        struct fy_plan *plan = NULL;
        cr_expect_eq(fy_plan_parse("p", mistakes[i].text, strlen(mistakes[i].text), &plan, NULL, &err), -1, "%s",
                     mistakes[i].text);
        cr_expect_eq(err.code, FY_E_CONFIG);
        cr_expect_str_eq(err.message, mistakes[i].message);
        cr_expect_null(plan);
    }
}

static struct fy_plan *parse(const char *text)
{
    struct fy_error err = FY_ERROR_INIT;
    struct fy_plan *plan = NULL;
    cr_assert_eq(fy_plan_parse("p", text, strlen(text), &plan, NULL, &err), 0, "%s", err.message);
    return plan;
}

Test(schedule, smallest)
{
    struct fy_plan *plan = parse(EVERY);
    cr_expect_eq(plan->migration_count, 0);
    cr_assert_eq(plan->schedule_count, 1);
    const struct fy_schedule_spec *spec = &plan->schedules[0];
    cr_expect_str_eq(spec->name, "web");
    cr_expect_eq(spec->every_ms, 900000);
    cr_expect_null(spec->cron_text);
    cr_expect_str_eq(spec->timezone, "UTC");
    cr_expect_eq(spec->missed, FY_MISSED_RUN_ONCE);
    cr_expect_eq(spec->max_parallel, 1);
    cr_expect_eq(spec->jitter_ms + spec->how.max_freeze_ms + spec->verify_ms + spec->rehearse_ms, 0);
    cr_expect_eq(spec->window_count, 0);
    cr_expect_null(spec->labels[0]);
    cr_expect_null(spec->probe);
    cr_expect_null(spec->replicate_to.name);
    cr_expect_null(spec->received_from.name);
    cr_expect_eq(spec->keep.last, 0);
    fy_plan_free(plan);
}

Test(schedule, every_key)
{
    struct fy_plan *plan =
        parse("version: 1\n"
              "migrations:\n"
              "  - {workload: runc/x, to: b}\n"
              "schedules:\n"
              "  - name: nightly\n"
              "    workloads: [runc/web, 'runc/db-?', process/42]\n"
              "    labels: [app=web, example.org/tier=front end]\n"
              "    cron: 30 3 * * mon-fri\n"
              "    timezone: Europe/Berlin\n"
              "    jitter: 5m\n"
              "    missed: run-all\n"
              "    max_parallel: 2\n"
              "    freeze_budget: 500ms\n"
              "    window: [22:00-06:00, 12:00-13:30]\n"
              "    keep: {last: 5, hourly: 24, daily: 7, weekly: 4, monthly: 12, max_age: 30d,\n"
              "           max_size: 20GiB, min_free: 10%}\n"
              "    verify: daily\n"
              "    rehearse: 2w\n"
              "    probe: look-quickly\n"
              "    replicate_to: b\n"
              "    tcp: close\n    file_locks: true\n    hooks: [{stage: pre-dump, on: source, run: drain}]\n"
              "  - {name: theirs, received_from: a, every: 1h, keep: {last: 9}, verify: daily, rehearse: weekly}\n");
    cr_expect_eq(plan->migration_count, 1);
    const struct fy_schedule_spec *spec = &plan->schedules[0];
    cr_expect_str_eq(spec->workloads[2], "process/42");
    cr_expect_str_eq(spec->labels[1], "example.org/tier=front end");
    cr_expect_str_eq(spec->cron_text, "30 3 * * mon-fri");
    cr_expect_eq(spec->cron.hours, 1u << 3);
    cr_expect_str_eq(spec->timezone, "Europe/Berlin");
    cr_expect_eq(spec->jitter_ms, 300000);
    cr_expect_eq(spec->missed, FY_MISSED_RUN_ALL);
    cr_expect_eq(spec->max_parallel, 2);
    cr_expect_eq(spec->how.max_freeze_ms, 500);
    cr_assert_eq(spec->window_count, 2);
    cr_expect(spec->windows[0].from == 1320 && spec->windows[0].to == 360);
    cr_expect(spec->windows[1].from == 720 && spec->windows[1].to == 810);
    cr_expect_eq(spec->keep.last + spec->keep.hourly + spec->keep.daily + spec->keep.weekly + spec->keep.monthly, 52);
    cr_expect_eq(spec->keep.max_age_ms, UINT64_C(30) * 86400000);
    cr_expect_eq(spec->keep.max_size_bytes, UINT64_C(20) << 30);
    cr_expect_eq(spec->keep.min_free_percent, 10);
    cr_expect_eq(spec->verify_ms, 86400000);
    cr_expect_eq(spec->rehearse_ms, UINT64_C(14) * 86400000);
    cr_expect_str_eq(spec->probe, "look-quickly");
    cr_expect(spec->how.tcp == FY_TCP_CLOSE && spec->how.file_locks && !spec->how.shell_job);
    cr_assert_eq(spec->how.hook_count, 1);
    cr_expect_str_eq(spec->how.hooks[0].name, "drain");
    cr_expect_str_eq(spec->replicate_to.name, "b");
    cr_expect(spec->replicate_to.line == 20 && spec->replicate_to.column == 19);
    cr_expect_str_eq(plan->schedules[1].received_from.name, "a");
    fy_plan_free(plan);
}

Test(schedule, names_labels_and_hours)
{
    struct fy_plan *plan =
        parse("version: 1\nschedules:\n"
              "  - {name: a, workloads: [runc/web, 'runc/db-*', 'podman/x*'], labels: [app=web], every: 1m,\n"
              "     timezone: Europe/Berlin, window: ['22:00-06:00', '12:00-13:00']}\n");
    const struct fy_schedule_spec *spec = &plan->schedules[0];
    cr_expect(fy_schedule_names(spec, "runc/web"));
    cr_expect(fy_schedule_names(spec, "runc/db-1"));
    cr_expect_not(fy_schedule_names(spec, "runc/webb"));
    cr_expect_not(fy_schedule_names(spec, "runc/adb-1"));
    cr_expect_not(fy_schedule_names(spec, "process/7"));
    cr_expect(fy_schedule_names(spec, "podman/x1"));
    cr_expect_not(fy_schedule_names(spec, "podman/db-1"));
    cr_expect(fy_schedule_wants_label(spec, "app=web"));
    cr_expect_not(fy_schedule_wants_label(spec, "app=webs"));
    /* 2026-11-25 00:00 UTC is 01:00 in Berlin. */
    static const struct {
        int utc_minute;
        bool open;
    } cases[] = {{0, true},   {299, true},  {300, false},  {659, false}, {660, true},
                 {719, true}, {720, false}, {1259, false}, {1260, true}, {1439, true}};
    for (size_t i = 0; i < FY_ARRAY_SIZE(cases); i++)
        cr_expect_eq(fy_schedule_is_open(spec, 1795564800 + cases[i].utc_minute * 60 + 59), cases[i].open, "minute %d",
                     cases[i].utc_minute);
    fy_plan_free(plan);
}
