/* Hooks on the wire: what a plan says comes through, and nothing else does. */
#include <criterion/criterion.h>

#include "migrate_hooks.h"

#include <ferry/base/cleanup.h>
#include <string.h>

static struct fy_hook hook(enum fy_hook_stage stage, enum fy_hook_side side, const char *name)
{
    struct fy_hook made = {.stage = stage, .side = side, .deadline_ms = 1000u + (uint64_t)stage};
    strcpy(made.name, name);
    return made;
}

Test(migrate_hooks, only_the_destination_s_travel)
{
    static const struct {
        enum fy_hook_stage stage;
        const char *name;
    } wanted[] = {{FY_HOOK_POST_ABORT, "a"},    {FY_HOOK_PRE_DUMP, "b"},     {FY_HOOK_POST_DUMP, "c.sh"},
                  {FY_HOOK_PRE_RESTORE, "d_1"}, {FY_HOOK_POST_RESTORE, "e"}, {FY_HOOK_POST_COMMIT, "f"}};
    struct fy_migration_spec spec, read;
    struct fy_wire_hooks hooks;
    struct fy_error err = FY_ERROR_INIT;
    fy_migration_spec_init(&spec);
    fy_migration_spec_init(&read);
    spec.hooks[spec.hook_count++] = hook(FY_HOOK_PRE_DUMP, FY_HOOK_SOURCE, "mine");
    for (size_t i = 0; i < FY_ARRAY_SIZE(wanted); i++)
        spec.hooks[spec.hook_count++] = hook(wanted[i].stage, FY_HOOK_DESTINATION, wanted[i].name);
    fy_wire_hooks_fill(&hooks, &spec, FY_HOOK_DESTINATION);
    cr_assert_eq(fy_wire_hooks_read(hooks.list, hooks.count, FY_HOOK_DESTINATION, &read, &err), 0, "%s", err.message);
    cr_assert_eq(read.hook_count, FY_ARRAY_SIZE(wanted));
    for (size_t i = 0; i < FY_ARRAY_SIZE(wanted); i++) {
        cr_expect_eq(read.hooks[i].stage, wanted[i].stage);
        cr_expect_eq(read.hooks[i].side, FY_HOOK_DESTINATION);
        cr_expect_str_eq(read.hooks[i].name, wanted[i].name);
        cr_expect_eq(read.hooks[i].deadline_ms, 1000u + (uint64_t)wanted[i].stage);
    }
}

static void expect_refused(size_t count, int stage, const char *name, uint64_t deadline_ms)
{
    Ferry__Peer__Hook message = FERRY__PEER__HOOK__INIT;
    Ferry__Peer__Hook *list[FY_MAX_HOOKS + 1];
    struct fy_migration_spec spec;
    struct fy_error err = FY_ERROR_INIT;
    message.stage = (Ferry__Peer__HookStage)stage;
    message.name = (char *)name;
    message.deadline_ms = deadline_ms;
    for (size_t i = 0; i < count; i++)
        list[i] = &message;
    fy_migration_spec_init(&spec);
    cr_expect_eq(fy_wire_hooks_read(list, count, FY_HOOK_DESTINATION, &spec, &err), -1, "'%s'", name);
    cr_expect_eq(err.code, FY_E_PROTOCOL);
    cr_expect_eq(spec.hook_count, 0);
}

Test(migrate_hooks, a_peer_is_not_trusted)
{
    static const char *const names[] = {"", ".", "..", "../x", "/bin/sh", "a/b", "a b", "-x", ".hidden", "a\nb"};
    for (size_t i = 0; i < FY_ARRAY_SIZE(names); i++)
        expect_refused(1, FERRY__PEER__HOOK_STAGE__PRE_DUMP, names[i], 1000);
    char longest[FY_HOOK_NAME_SIZE + 1];
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    expect_refused(1, FERRY__PEER__HOOK_STAGE__PRE_DUMP, longest, 1000);
    expect_refused(1, 0, "x", 1000);
    expect_refused(1, 7, "x", 1000);
    expect_refused(1, FERRY__PEER__HOOK_STAGE__PRE_DUMP, "x", 0);
    expect_refused(1, FERRY__PEER__HOOK_STAGE__PRE_DUMP, "x", FY_HOOK_MAX_DEADLINE_MS + 1);
    expect_refused(FY_MAX_HOOKS + 1, FERRY__PEER__HOOK_STAGE__PRE_DUMP, "x", 1000);
}
