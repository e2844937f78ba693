/* Reading the hooks of a migration. */
#include "plan_hooks.h"
#include <ferry/base/cleanup.h>
#include <ferry/config/plan.h>

#include <string.h>

#define AT(member) offsetof(struct fy_hook, member)

static int parse_stage(const char *text, void *target, struct fy_error *err)
{
    return fy_hook_stage_parse(text, target, err);
}

static int parse_side(const char *text, void *target, struct fy_error *err)
{
    return fy_hook_side_parse(text, target, err);
}

static void read_name(struct reading *reading, const struct node *node, const void *rule, void *target)
{
    static const char expected[] =
        "the name of a file in hooks_dir, of at most 63 letters, digits, '.', '_' and '-', without a directory";
    (void)rule;
    const char *text = config_scalar(reading, node, expected);
    if (text && fy_hook_name_is_valid(text))
        memcpy(target, text, strlen(text) + 1);
    else if (text)
        config_expected(reading, node, expected);
}

static const struct parse_rule stage_rule = {parse_stage, "a stage such as pre-dump"};
static const struct parse_rule side_rule = {parse_side, "source or destination"};
static const struct duration_rule deadline_rule = {"1ms", "1h"};

static const struct field hook_list[] = {
    {"stage", config_read_parsed, AT(stage), &stage_rule, NULL, true},
    {"on", config_read_parsed, AT(side), &side_rule, NULL, true},
    {"run", read_name, AT(name), NULL, NULL, true},
    {"deadline", config_read_duration, AT(deadline_ms), &deadline_rule, NULL, false},
};
static const struct fields hook_fields = {hook_list, FY_ARRAY_SIZE(hook_list)};

/* Written into place only when whole. */
static void read_hook(struct reading *reading, const struct node *node, struct fy_migration_spec *spec)
{
    struct fy_hook hook = {.deadline_ms = FY_HOOK_DEADLINE_MS};
    size_t mistakes = reading->mistakes.total;
    if (config_node_is_null(node))
        config_expected(reading, node, "a mapping with stage, on and run");
    else
        config_read_map(reading, node, &hook_fields, &hook);
    if (node->kind != NODE_BROKEN && reading->mistakes.total == mistakes)
        spec->hooks[spec->hook_count++] = hook;
}

void config_read_hooks(struct reading *reading, const struct node *node, const void *rule, void *target)
{
    struct fy_migration_spec *spec = target;
    (void)rule;
    if (node->kind != NODE_LIST) {
        if (!config_node_is_null(node))
            config_expected(reading, node, "a list of hooks");
        return;
    }
    if (node->child_count > FY_MAX_HOOKS) {
        config_wrong(reading, node, "expected at most %d hooks, got %zu", FY_MAX_HOOKS, node->child_count);
        return;
    }
    for (size_t i = 0; i < node->child_count; i++) {
        size_t before = config_place_down_index(reading, i);
        read_hook(reading, node->children[i], spec);
        config_place_up(reading, before);
    }
}
