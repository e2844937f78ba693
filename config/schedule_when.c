/* The hours of a schedule, what it is for, and what only the whole of it can show. */
#include "names.h"
#include "schedule.h"
#include <ferry/base/cleanup.h>
#include <ferry/config/schedule.h>

#include <fnmatch.h>
#include <string.h>

#define DAY_MINUTES 1440
#define DAY_S 86400

/* "07:30"; "24:00" is the end of the day. */
static bool take_minute(const char **text, uint16_t *minute)
{
    const char *at = *text;
    for (size_t i = 0; i < 5; i++) {
        if (i == 2 ? at[i] != ':' : at[i] < '0' || at[i] > '9')
            return false;
    }
    int value = ((at[0] - '0') * 10 + at[1] - '0') * 60 + (at[3] - '0') * 10 + at[4] - '0';
    if (at[3] > '5' || value > DAY_MINUTES)
        return false;
    *minute = (uint16_t)value;
    *text = at + 5;
    return true;
}

static void read_window(struct reading *reading, const struct node *node, struct fy_schedule_spec *spec)
{
    static const char expected[] = "hours such as 22:00-06:00";
    struct fy_window window;
    const char *text = config_scalar(reading, node, expected);
    if (!text)
        return;
    if (take_minute(&text, &window.from) && *text++ == '-' && take_minute(&text, &window.to) && !*text &&
        window.from != window.to && window.from != DAY_MINUTES)
        spec->windows[spec->window_count++] = window;
    else
        config_expected(reading, node, expected);
}

/* One, or a list. */
void config_read_windows(struct reading *reading, const struct node *node, const void *rule, void *target)
{
    struct fy_schedule_spec *spec = target;
    (void)rule;
    if (node->kind != NODE_LIST) {
        read_window(reading, node, spec);
        return;
    }
    if (node->child_count > FY_MAX_WINDOWS) {
        config_wrong(reading, node, "expected at most %d windows, got %zu", FY_MAX_WINDOWS, node->child_count);
        return;
    }
    for (size_t i = 0; i < node->child_count; i++) {
        size_t before = config_place_down_index(reading, i);
        read_window(reading, node->children[i], spec);
        config_place_up(reading, before);
    }
}

static bool minute_is_open(const struct fy_schedule_spec *spec, unsigned minute)
{
    for (size_t i = 0; i < spec->window_count; i++) {
        const struct fy_window *window = &spec->windows[i];
        bool after = minute >= window->from, before = minute < window->to;
        if (window->from < window->to ? after && before : after || before)
            return true;
    }
    return !spec->window_count;
}

bool fy_schedule_is_open(const struct fy_schedule_spec *spec, int64_t at_s)
{
    int64_t second = fy_zone_local_s(spec->zone, at_s) % DAY_S;
    return minute_is_open(spec, (unsigned)((second < 0 ? second + DAY_S : second) / 60));
}

static bool cron_is_ever_open(const struct fy_schedule_spec *spec)
{
    for (unsigned minute = 0; minute < DAY_MINUTES; minute++) {
        if ((spec->cron.hours >> minute / 60 & 1) && (spec->cron.minutes >> minute % 60 & 1) &&
            minute_is_open(spec, minute))
            return true;
    }
    return false;
}

/* Any year will do: it has every change of the clock. */
static bool interval_is_ever_open(const struct fy_schedule_spec *spec)
{
    int64_t every_s = (int64_t)(spec->every_ms / 1000);
    for (int64_t at_s = every_s * ((int64_t)56 * 365 * DAY_S / every_s), end_s = at_s + (int64_t)366 * DAY_S;
         at_s <= end_s; at_s += every_s) {
        if (fy_schedule_is_open(spec, at_s))
            return true;
    }
    return false;
}

static void check_when(struct reading *reading, const struct node *node, const struct fy_schedule_spec *spec)
{
    const struct node *every = config_node_child(node, "every"), *cron = config_node_child(node, "cron");
    const struct node *window = config_node_child(node, "window"), *jitter = config_node_child(node, "jitter");
    if (!every && !cron)
        config_wrong(reading, node, "'every' or 'cron' is missing");
    if (every && cron)
        config_wrong(reading, cron, "only one of 'every' and 'cron' can say when");
    if (spec->every_ms % 1000)
        config_wrong(reading, every, "expected whole seconds, got '%s'", every->text);
    if (spec->every_ms && spec->jitter_ms >= spec->every_ms)
        config_wrong(reading, jitter, "expected less than the %s of 'every', got '%s'", every->text, jitter->text);
    if (spec->cron_text && window && !cron_is_ever_open(spec))
        config_wrong(reading, window, "no run of cron '%.60s' lies in these hours", spec->cron_text);
    if (spec->every_ms >= 1000 && spec->zone && window && !interval_is_ever_open(spec))
        config_wrong(reading, window, "no multiple of %s, counted from midnight UTC, lies in these hours", every->text);
}

static bool is_given(const struct node *node)
{
    return node && !config_node_is_null(node) && (node->kind != NODE_LIST || node->child_count);
}

/* Of copies it takes no checkpoints: what says how is a mistake. */
static void check_received(struct reading *reading, const struct node *node)
{
    static const char *const keys[] = {"workloads",  "labels",       "max_parallel", "freeze_budget",
                                       "tcp",        "file_locks",   "shell_job",    "ext_unix_sockets",
                                       "link_remap", "replicate_to", "hooks"};
    for (size_t i = 0; i < FY_ARRAY_SIZE(keys); i++) {
        const struct node *child = config_node_child(node, keys[i]);
        if (child)
            config_wrong(reading, child, "with 'received_from' no checkpoints are taken, and '%s' says nothing",
                         keys[i]);
    }
}

void config_check_schedule(struct reading *reading, const struct node *node, const struct fy_schedule_spec *spec)
{
    const struct node *probe = config_node_child(node, "probe");
    check_when(reading, node, spec);
    if (config_node_child(node, "received_from"))
        check_received(reading, node);
    else if (!is_given(config_node_child(node, "workloads")) && !is_given(config_node_child(node, "labels")))
        config_wrong(reading, node, "'workloads' or 'labels' is missing");
    for (size_t i = 0; i < spec->how.hook_count; i++) {
        enum fy_hook_stage stage = spec->how.hooks[i].stage;
        if (stage != FY_HOOK_PRE_DUMP && stage != FY_HOOK_POST_COMMIT && stage != FY_HOOK_POST_ABORT)
            config_wrong(reading, config_node_child(node, "hooks"),
                         "the stages of a checkpoint are pre-dump, post-commit and post-abort, not %s",
                         fy_hook_stage_name(stage));
        if (spec->how.hooks[i].side != FY_HOOK_SOURCE)
            config_wrong(reading, config_node_child(node, "hooks"),
                         "a checkpoint has no destination: 'on' can only be "
                         "source");
    }
    if (probe && !config_node_child(node, "rehearse"))
        config_wrong(reading, probe, "a probe looks at rehearsals: 'rehearse' is missing");
}

bool fy_schedule_names(const struct fy_schedule_spec *spec, const char *workload)
{
    for (size_t i = 0; spec->workloads[i]; i++) {
        if (!fnmatch(spec->workloads[i], workload, FNM_PATHNAME | FNM_NOESCAPE))
            return true;
    }
    return false;
}

bool fy_schedule_wants_label(const struct fy_schedule_spec *spec, const char *label)
{
    for (size_t i = 0; spec->labels[i]; i++) {
        if (!strcmp(spec->labels[i], label))
            return true;
    }
    return false;
}
