/* Plans: reading by tables, and what only the whole plan can show. */
#include "address.h"
#include "names.h"
#include "plan_hooks.h"
#include "schedule.h"
#include "yaml_map.h"
#include <ferry/base/cleanup.h>
#include <ferry/config/schedule.h>

#include <string.h>

#define PLAN_VERSION 1
#define MAX_MIGRATIONS 1000 /* each is compared with all before it */

#define AT(member) offsetof(struct fy_migration_spec, member)

static int parse_workload(const char *text, void *target, struct fy_error *err)
{
    return fy_workload_parse(text, target, err);
}

static int parse_mode(const char *text, void *target, struct fy_error *err)
{
    return fy_migration_mode_parse(text, target, err);
}

static int parse_tcp(const char *text, void *target, struct fy_error *err)
{
    return fy_tcp_mode_parse(text, target, err);
}

static int parse_ip(const char *text, void *target, struct fy_error *err)
{
    return config_address_parse_ip(text, target, err);
}

static int parse_device(const char *text, void *target, struct fy_error *err)
{
    return config_address_parse_device(text, target, err);
}

static const struct parse_rule workload_rule = {parse_workload, "process/PID, runc/ID or podman/NAME"};
static const struct parse_rule mode_rule = {parse_mode, "a mode"};
static const struct parse_rule tcp_rule = {parse_tcp, "established, close or refuse"};
static const struct duration_rule freeze_rule = {"10ms", "168h"};
static const struct parse_rule ip_rule = {parse_ip, "an address such as 10.77.0.100/24"};
static const struct parse_rule device_rule = {parse_device, "a network device name"};

static const struct field address_list[] = {
    {"ip", config_read_parsed, 0, &ip_rule, NULL, true},
    {"device", config_read_parsed, 0, &device_rule, NULL, true},
};
static const struct fields address_fields = {address_list, FY_ARRAY_SIZE(address_list)};

/* Written into place only when whole: half an address has no family to compare by. */
static void read_address(struct reading *reading, const struct node *node, struct fy_migration_spec *spec)
{
    struct fy_service_address address = {0};
    size_t mistakes = reading->mistakes.total;
    if (config_node_is_null(node))
        config_expected(reading, node, "a mapping with ip and device");
    else
        config_read_map(reading, node, &address_fields, &address);
    if (node->kind == NODE_BROKEN || reading->mistakes.total != mistakes)
        return;
    for (size_t i = 0; i < spec->address_count; i++) {
        if (config_address_same_ip(&address, &spec->addresses[i])) {
            config_wrong(reading, node, "the same address is given twice");
            return;
        }
    }
    spec->addresses[spec->address_count++] = address;
}

static void read_addresses(struct reading *reading, const struct node *node, const void *rule, void *target)
{
    struct fy_migration_spec *spec = target;
    (void)rule;
    if (node->kind != NODE_LIST) {
        if (!config_node_is_null(node))
            config_expected(reading, node, "a list of addresses");
        return;
    }
    if (node->child_count > FY_MAX_ADDRESSES) {
        config_wrong(reading, node, "expected at most %d addresses, got %zu", FY_MAX_ADDRESSES, node->child_count);
        return;
    }
    for (size_t i = 0; i < node->child_count; i++) {
        size_t before = config_place_down_index(reading, i);
        read_address(reading, node->children[i], spec);
        config_place_up(reading, before);
    }
}

static const char peer_name[] = "a peer name of at most 63 letters, digits, '.', '_' and '-'";
static const char group_name[] = "a group name of at most 63 letters, digits, '.', '_' and '-'";

static void read_name(struct reading *reading, const struct node *node, const void *rule, void *target)
{
    const char *text = config_scalar(reading, node, rule);
    if (text && config_is_peer_name(text))
        memcpy(target, text, strlen(text) + 1);
    else if (text)
        config_expected(reading, node, rule);
}

static const struct uint_rule lane_count = {1, 8};

static const struct field migration_list[] = {
    {"workload", config_read_parsed, AT(workload), &workload_rule, NULL, true},
    {"to", read_name, AT(peer), peer_name, NULL, true},
    {"mode", config_read_parsed, AT(mode), &mode_rule, NULL, false},
    {"tcp", config_read_parsed, AT(tcp), &tcp_rule, NULL, false},
    {"addresses", read_addresses, 0, NULL, NULL, false},
    {"file_locks", config_read_bool, AT(file_locks), NULL, NULL, false},
    {"shell_job", config_read_bool, AT(shell_job), NULL, NULL, false},
    {"ext_unix_sockets", config_read_bool, AT(ext_unix_sockets), NULL, NULL, false},
    {"link_remap", config_read_bool, AT(link_remap), NULL, NULL, false},
    {"any_cpu", config_read_bool, AT(any_cpu), NULL, NULL, false},
    {"durable", config_read_bool, AT(durable), NULL, NULL, false},
    {"bandwidth", config_read_rate, AT(bandwidth_bytes), NULL, NULL, false},
    {"lanes", config_read_u32, AT(lanes), &lane_count, NULL, false},
    {"max_freeze", config_read_duration, AT(max_freeze_ms), &freeze_rule, NULL, false},
    {"group", read_name, AT(group), group_name, NULL, false},
    {"hooks", config_read_hooks, 0, NULL, NULL, false},
};
static const struct fields migration_fields = {migration_list, FY_ARRAY_SIZE(migration_list)};

/* A workload that was refused has an empty id and equals nothing. */
static void check_duplicate(struct reading *reading, const struct node *list, const struct fy_plan *plan, size_t index)
{
    const struct fy_workload *workload = &plan->migrations[index].workload;
    for (size_t i = 0; i < index && *workload->id; i++) {
        const struct fy_workload *earlier = &plan->migrations[i].workload;
        if (earlier->kind != workload->kind || strcmp(earlier->id, workload->id) != 0)
            continue;
        const struct node *first = config_node_child(list->children[i], "workload");
        config_wrong(reading, config_node_child(list->children[index], "workload"),
                     "%s/%s is already moved by the migration in line %u", fy_workload_kind_name(workload->kind),
                     workload->id, first->line);
        return;
    }
}

/* A plan goes on with the next migration when the one before has ended: a group is one step of it. */
static void check_group(struct reading *reading, const struct node *list, const struct fy_plan *plan, size_t index)
{
    const char *group = plan->migrations[index].group;
    if (!*group || index == 0 || strcmp(plan->migrations[index - 1].group, group) == 0)
        return;
    for (size_t i = 0; i + 1 < index; i++) {
        if (strcmp(plan->migrations[i].group, group) != 0)
            continue;
        config_wrong(reading, config_node_child(list->children[index], "group"),
                     "the migrations of group '%s' must stand one after the other; there is one in line %u", group,
                     list->children[i]->line);
        return;
    }
}

static void read_migration(struct reading *reading, const struct node *list, struct fy_plan *plan, size_t index)
{
    const struct node *node = list->children[index];
    size_t before = config_place_down_index(reading, index);
    fy_migration_spec_init(&plan->migrations[index]);
    if (config_node_is_null(node))
        config_expected(reading, node, "a mapping with workload and to");
    else
        config_read_map(reading, node, &migration_fields, &plan->migrations[index]);
    check_duplicate(reading, list, plan, index);
    check_group(reading, list, plan, index);
    config_place_up(reading, before);
}

static void read_migrations(struct reading *reading, const struct node *node, const void *rule, void *target)
{
    struct fy_plan *plan = target;
    (void)rule;
    if (node->kind != NODE_LIST || !node->child_count) {
        config_expected(reading, node, "a list of at least one migration");
        return;
    }
    if (node->child_count > MAX_MIGRATIONS) {
        config_wrong(reading, node, "expected at most %d migrations, got %zu", MAX_MIGRATIONS, node->child_count);
        return;
    }
    plan->migrations = calloc(node->child_count, sizeof *plan->migrations);
    if (!plan->migrations) {
        config_mistakes_no_memory(&reading->mistakes);
        return;
    }
    plan->migration_count = node->child_count;
    for (size_t i = 0; i < node->child_count; i++)
        read_migration(reading, node, plan, i);
}

static void read_on_failure(struct reading *reading, const struct node *node, const void *rule, void *target)
{
    static const struct word words[] = {{"stop", false}, {"continue", true}};
    static const struct word_rule stop_or_continue = {words, FY_ARRAY_SIZE(words)};
    unsigned value = false;
    (void)rule;
    config_read_word(reading, node, &stop_or_continue, &value);
    *(bool *)target = value;
}

static void read_version(struct reading *reading, const struct node *node, const void *rule, void *target)
{
    (void)reading;
    (void)node;
    (void)rule;
    (void)target; /* checked before anything else, by is_our_version() */
}

static const struct field plan_list[] = {
    {"version", read_version, 0, NULL, NULL, true},
    {"migrations", read_migrations, 0, NULL, NULL, false},
    {"schedules", config_read_schedules, 0, NULL, NULL, false},
    {"on_failure", read_on_failure, offsetof(struct fy_plan, continue_on_failure), NULL, NULL, false},
};
static const struct fields plan_fields = {plan_list, FY_ARRAY_SIZE(plan_list)};

/* A plan of another version would only give mistakes that are none. */
static bool is_our_version(struct reading *reading, const struct node *root)
{
    static const struct uint_rule any = {0, UINT32_MAX};
    const struct node *node = root->kind == NODE_MAP ? config_node_child(root, "version") : NULL;
    uint32_t version = PLAN_VERSION;
    if (!node)
        return true;
    size_t before = config_place_down(reading, "version");
    config_read_u32(reading, node, &any, &version);
    if (version != PLAN_VERSION)
        config_wrong(reading, node, "this version of ferry reads plans of version %d, got %u", PLAN_VERSION, version);
    config_place_up(reading, before);
    return version == PLAN_VERSION;
}

static void read_plan(struct reading *reading, const struct node *root, struct fy_plan *plan)
{
    if (!root || config_node_is_null(root))
        config_mistakes_add(&reading->mistakes, 1, 1, "the plan is empty; expected 'version: 1' and 'migrations'");
    else if (is_our_version(reading, root)) {
        config_read_map(reading, root, &plan_fields, plan);
        if (root->kind == NODE_MAP && !config_node_child(root, "migrations") && !config_node_child(root, "schedules"))
            config_wrong(reading, root, "'migrations' or 'schedules' is missing");
    }
}

int fy_plan_parse(const char *file_name, const char *text, size_t size, struct fy_plan **plan, char **errors,
                  struct fy_error *err)
{
    struct reading reading = {.place = ""};
    struct tree tree;
    struct fy_plan *parsed = calloc(1, sizeof *parsed);
    if (!parsed)
        return fy_error_set(err, FY_E_NOMEM, "no memory to read %s", file_name);
    config_mistakes_init(&reading.mistakes, file_name);
    config_tree_parse(&tree, text, size, &reading.mistakes);
    if (!tree.failed)
        read_plan(&reading, tree.root, parsed);
    config_tree_done(&tree);
    int rc = config_mistakes_report(&reading.mistakes, errors, err);
    if (rc) {
        fy_error_next(err, "correct the plan; ferry-plan(5) describes every key");
        fy_plan_free(parsed);
    } else {
        *plan = parsed;
    }
    config_mistakes_done(&reading.mistakes);
    return rc;
}

void fy_plan_free(struct fy_plan *plan)
{
    if (!plan)
        return;
    free(plan->migrations);
    for (size_t i = 0; i < plan->schedule_count; i++)
        fy_schedule_spec_done(&plan->schedules[i]);
    free(plan->schedules);
    free(plan);
}
