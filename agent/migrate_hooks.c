/* Hooks as messages. */
#include "migrate_hooks.h"

#include <ferry/base/cleanup.h>
#include <stdio.h>

static const Ferry__Peer__HookStage wire_stages[] = {
    [FY_HOOK_PRE_DUMP] = FERRY__PEER__HOOK_STAGE__PRE_DUMP,
    [FY_HOOK_POST_DUMP] = FERRY__PEER__HOOK_STAGE__POST_DUMP,
    [FY_HOOK_PRE_RESTORE] = FERRY__PEER__HOOK_STAGE__PRE_RESTORE,
    [FY_HOOK_POST_RESTORE] = FERRY__PEER__HOOK_STAGE__POST_RESTORE,
    [FY_HOOK_POST_COMMIT] = FERRY__PEER__HOOK_STAGE__POST_COMMIT,
    [FY_HOOK_POST_ABORT] = FERRY__PEER__HOOK_STAGE__POST_ABORT,
};

void fy_wire_hooks_fill(struct fy_wire_hooks *hooks, const struct fy_migration_spec *spec, enum fy_hook_side side)
{
    hooks->count = 0;
    for (size_t i = 0; i < spec->hook_count; i++) {
        if (spec->hooks[i].side != side)
            continue;
        Ferry__Peer__Hook *hook = &hooks->messages[hooks->count];
        ferry__peer__hook__init(hook);
        hook->stage = wire_stages[spec->hooks[i].stage];
        hook->name = (char *)spec->hooks[i].name;
        hook->deadline_ms = spec->hooks[i].deadline_ms;
        hooks->list[hooks->count++] = hook;
    }
}

static int read_one(const Ferry__Peer__Hook *message, enum fy_hook_side side, struct fy_hook *hook,
                    struct fy_error *err)
{
    size_t stage = 0;
    while (stage < FY_ARRAY_SIZE(wire_stages) && wire_stages[stage] != message->stage)
        stage++;
    if (stage == FY_ARRAY_SIZE(wire_stages))
        return fy_error_set(err, FY_E_PROTOCOL, "the offer has a hook of an unknown stage %d", (int)message->stage);
    if (!fy_hook_name_is_valid(message->name))
        return fy_error_set(err, FY_E_PROTOCOL, "the offer has a hook whose name is not allowed");
    if (message->deadline_ms == 0 || message->deadline_ms > FY_HOOK_MAX_DEADLINE_MS)
        return fy_error_set(err, FY_E_PROTOCOL, "the offer has a hook with a deadline of %llu ms",
                            (unsigned long long)message->deadline_ms);
    *hook = (struct fy_hook){.stage = (enum fy_hook_stage)stage, .side = side, .deadline_ms = message->deadline_ms};
    (void)snprintf(hook->name, sizeof hook->name, "%s", message->name);
    return 0;
}

int fy_wire_hooks_read(Ferry__Peer__Hook *const *list, size_t count, enum fy_hook_side side,
                       struct fy_migration_spec *spec, struct fy_error *err)
{
    struct fy_hook hooks[FY_MAX_HOOKS];
    if (count > FY_MAX_HOOKS - spec->hook_count)
        return fy_error_set(err, FY_E_PROTOCOL, "the offer has %zu hooks (%d at most)", count, FY_MAX_HOOKS);
    for (size_t i = 0; i < count; i++)
        if (read_one(list[i], side, &hooks[i], err) < 0)
            return -1;
    for (size_t i = 0; i < count; i++)
        spec->hooks[spec->hook_count++] = hooks[i];
    return 0;
}
