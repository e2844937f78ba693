/* The tables behind a plan's schedules. */
#include "schedule.h"
#include "names.h"
#include "plan_hooks.h"
#include <ferry/base/cleanup.h>
#include <ferry/base/text.h>
#include <ferry/config/quantity.h>
#include <ferry/config/schedule.h>

#include <string.h>

#define AT(member) offsetof(struct fy_schedule_spec, member)
#define KEEP(member) offsetof(struct fy_schedule_spec, keep.member)

_Static_assert(sizeof(enum fy_missed_rule) == sizeof(unsigned), "config_read_word writes an unsigned");

static const struct duration_rule interval = {"1s", "366d"};
static const struct duration_rule jitter = {"0s", "24h"};
static const struct duration_rule budget = {"1ms", "1h"};
static const struct duration_rule age = {"1m", "36500d"};
static const struct duration_rule rhythm = {"1s", "366d"};
static const struct uint_rule at_once = {1, 64};
static const struct uint_rule kept = {1, 100000};
static const struct uint_rule percent = {1, 99};

static const struct text_rule schedule_name = {
    config_is_peer_name, "a name of at most 63 letters, digits, '.', '_' and '-', beginning with a letter or digit"};
static const struct text_rule peer_name = {config_is_peer_name,
                                           "a peer name of at most 63 letters, digits, '.', '_' and '-'"};
static const struct text_rule workload_pattern = {config_is_workload_pattern,
                                                  "process/PID, runc/ID, podman/NAME or a pattern such as runc/db-*"};
static const struct text_rule label = {config_is_label, "a label such as app=web"};
static const struct text_rule probe = {fy_hook_name_is_valid, "the name of a file in hooks_dir, without a directory"};

static const struct word missed_words[] = {
    {"run-once", FY_MISSED_RUN_ONCE}, {"skip", FY_MISSED_SKIP}, {"run-all", FY_MISSED_RUN_ALL}};
static const struct word_rule missed_rule = {missed_words, FY_ARRAY_SIZE(missed_words)};

static int parse_tcp(const char *text, void *target, struct fy_error *err)
{
    return fy_tcp_mode_parse(text, target, err);
}
static const struct parse_rule tcp_rule = {parse_tcp, "established, close or refuse"};

static void read_cron(struct reading *reading, const struct node *node, const void *rule, void *target)
{
    struct fy_schedule_spec *spec = target;
    struct fy_error err = FY_ERROR_INIT;
    (void)rule;
    const char *text = config_scalar(reading, node, "five fields such as '0 3 * * *'");
    if (!text)
        return;
    if (fy_cron_parse(text, &spec->cron, &err))
        config_wrong(reading, node, "%s", err.message);
    else if (!(spec->cron_text = strdup(text)))
        config_mistakes_no_memory(&reading->mistakes);
}

static void read_timezone(struct reading *reading, const struct node *node, const void *rule, void *target)
{
    struct fy_schedule_spec *spec = target;
    struct fy_error err = FY_ERROR_INIT;
    (void)rule;
    const char *text = config_scalar(reading, node, "a time zone such as Europe/Berlin");
    if (!text)
        return;
    if (!fy_zone_load(text, &spec->zone, &err) && !(spec->timezone = strdup(text)))
        config_mistakes_no_memory(&reading->mistakes);
    else if (err.code == FY_E_NOMEM)
        config_mistakes_no_memory(&reading->mistakes);
    else if (fy_error_is_set(&err))
        config_wrong(reading, node, "%s", err.message);
}

/* A word or a duration. */
static void read_rhythm(struct reading *reading, const struct node *node, const void *rule, void *target)
{
    static const struct {
        const char *word;
        uint64_t ms;
    } words[] = {{"hourly", 3600000}, {"daily", 86400000}, {"weekly", 604800000}, {"monthly", 2592000000}};
    (void)rule;
    const char *text = config_scalar(reading, node, "hourly, daily, weekly, monthly or a duration such as 12h");
    for (size_t i = 0; text && i < FY_ARRAY_SIZE(words); i++) {
        if (!strcmp(text, words[i].word)) {
            *(uint64_t *)target = words[i].ms;
            return;
        }
    }
    if (text && text[0] >= '0' && text[0] <= '9')
        config_read_duration(reading, node, &rhythm, target);
    else if (text)
        config_expected(reading, node, "hourly, daily, weekly, monthly or a duration such as 12h");
}

static void read_size(struct reading *reading, const struct node *node, const void *rule, void *target)
{
    (void)rule;
    uint64_t bytes = 0;
    const char *text = config_scalar(reading, node, "a size such as 20GiB");
    if (text && fy_size_parse(text, &bytes) && bytes)
        *(uint64_t *)target = bytes;
    else if (text)
        config_expected(reading, node, "a size such as 20GiB");
}

/* "10%" */
static void read_percent(struct reading *reading, const struct node *node, const void *rule, void *target)
{
    const struct uint_rule *range = rule;
    const char *text = config_scalar(reading, node, "a share such as 10%");
    size_t length = text ? strlen(text) : 0;
    uint64_t value = 0;
    char number[8] = "";
    if (!text)
        return;
    if (length > 1 && length < sizeof number && text[length - 1] == '%')
        memcpy(number, text, length - 1);
    if (fy_text_parse_uint(number, range->max, &value) && value >= range->min)
        *(uint32_t *)target = (uint32_t)value;
    else
        config_expected(reading, node, "a share from 1% to 99%");
}

/* Which peers there are is for the agent to say: it needs to know the place. */
static void read_peer(struct reading *reading, const struct node *node, const void *rule, void *target)
{
    struct fy_schedule_peer *peer = target;
    config_read_text(reading, node, rule, &peer->name);
    peer->line = node->line;
    peer->column = node->column;
}

static const struct field keep_list[] = {
    {"last", config_read_u32, KEEP(last), &kept, NULL, false},
    {"hourly", config_read_u32, KEEP(hourly), &kept, NULL, false},
    {"daily", config_read_u32, KEEP(daily), &kept, NULL, false},
    {"weekly", config_read_u32, KEEP(weekly), &kept, NULL, false},
    {"monthly", config_read_u32, KEEP(monthly), &kept, NULL, false},
    {"max_age", config_read_duration, KEEP(max_age_ms), &age, NULL, false},
    {"max_size", read_size, KEEP(max_size_bytes), NULL, NULL, false},
    {"min_free", read_percent, KEEP(min_free_percent), &percent, NULL, false},
};
static const struct fields keep_fields = {keep_list, FY_ARRAY_SIZE(keep_list)};

static const struct field schedule_list[] = {
    {"name", config_read_text, AT(name), &schedule_name, NULL, true},
    {"workloads", config_read_text_list, AT(workloads), &workload_pattern, "", false},
    {"labels", config_read_text_list, AT(labels), &label, "", false},
    {"every", config_read_duration, AT(every_ms), &interval, NULL, false},
    {"cron", read_cron, 0, NULL, NULL, false},
    {"timezone", read_timezone, 0, NULL, "UTC", false},
    {"jitter", config_read_duration, AT(jitter_ms), &jitter, NULL, false},
    {"missed", config_read_word, AT(missed), &missed_rule, "run-once", false},
    {"max_parallel", config_read_u32, AT(max_parallel), &at_once, "1", false},
    {"freeze_budget", config_read_duration, AT(how.max_freeze_ms), &budget, NULL, false},
    {"tcp", config_read_parsed, AT(how.tcp), &tcp_rule, NULL, false},
    {"file_locks", config_read_bool, AT(how.file_locks), NULL, NULL, false},
    {"shell_job", config_read_bool, AT(how.shell_job), NULL, NULL, false},
    {"ext_unix_sockets", config_read_bool, AT(how.ext_unix_sockets), NULL, NULL, false},
    {"link_remap", config_read_bool, AT(how.link_remap), NULL, NULL, false},
    {"hooks", config_read_hooks, AT(how), NULL, NULL, false},
    {"window", config_read_windows, 0, NULL, NULL, false},
    {"keep", config_read_map, 0, &keep_fields, NULL, false},
    {"verify", read_rhythm, AT(verify_ms), NULL, NULL, false},
    {"rehearse", read_rhythm, AT(rehearse_ms), NULL, NULL, false},
    {"probe", config_read_text, AT(probe), &probe, NULL, false},
    {"replicate_to", read_peer, AT(replicate_to), &peer_name, NULL, false},
    {"received_from", read_peer, AT(received_from), &peer_name, NULL, false},
};
static const struct fields schedule_fields = {schedule_list, FY_ARRAY_SIZE(schedule_list)};

void fy_schedule_spec_done(struct fy_schedule_spec *spec)
{
    free(spec->name);
    config_free_text_list(spec->workloads);
    config_free_text_list(spec->labels);
    free(spec->cron_text);
    free(spec->timezone);
    fy_zone_free(spec->zone);
    free(spec->probe);
    free(spec->replicate_to.name);
    free(spec->received_from.name);
}

const char *fy_missed_rule_name(enum fy_missed_rule rule)
{
    return missed_words[rule].name;
}

/* A name that was refused is NULL and equals nothing. */
static void check_name(struct reading *reading, const struct node *list, const struct fy_plan *plan, size_t index)
{
    const char *name = plan->schedules[index].name;
    for (size_t i = 0; i < index && name; i++) {
        if (!plan->schedules[i].name || strcmp(plan->schedules[i].name, name) != 0)
            continue;
        const struct node *first = config_node_child(list->children[i], "name");
        config_wrong(reading, config_node_child(list->children[index], "name"),
                     "the schedule in line %u is called %s already", first->line, name);
        return;
    }
}

static void read_schedule(struct reading *reading, const struct node *list, struct fy_plan *plan, size_t index)
{
    const struct node *node = list->children[index];
    size_t before = config_place_down_index(reading, index);
    fy_migration_spec_init(&plan->schedules[index].how);
    if (config_node_is_null(node))
        config_expected(reading, node, "a mapping with name, workloads and every or cron");
    else
        config_read_map(reading, node, &schedule_fields, &plan->schedules[index]);
    if (node->kind == NODE_MAP)
        config_check_schedule(reading, node, &plan->schedules[index]);
    check_name(reading, list, plan, index);
    config_place_up(reading, before);
}

void config_read_schedules(struct reading *reading, const struct node *node, const void *rule, void *target)
{
    struct fy_plan *plan = target;
    (void)rule;
    if (node->kind != NODE_LIST || !node->child_count) {
        config_expected(reading, node, "a list of at least one schedule");
        return;
    }
    if (node->child_count > MAX_SCHEDULES) {
        config_wrong(reading, node, "expected at most %d schedules, got %zu", MAX_SCHEDULES, node->child_count);
        return;
    }
    plan->schedules = calloc(node->child_count, sizeof *plan->schedules);
    if (!plan->schedules) {
        config_mistakes_no_memory(&reading->mistakes);
        return;
    }
    plan->schedule_count = node->child_count;
    for (size_t i = 0; i < node->child_count; i++)
        read_schedule(reading, node, plan, i);
}
