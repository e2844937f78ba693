/* Rules about the state of tasks and threads: all are of one kind of processor, and hold what CRIU reads without
 * looking whether it is there. */
#include "set.h"
#include <criu/core.pb-c.h>
#include <inttypes.h>

/* Linux has 64 signals; two cannot have a handler. CRIU demands all the others (4.1.1 and 4.2.1). */
#define SIGNAL_ACTIONS 62
/* Room that CRIU has for the auxiliary vector of a task on x86. */
#define AUXV_WORDS_X86 44

static const char *march_name(int march)
{
    const ProtobufCEnumValue *value = protobuf_c_enum_descriptor_get_value(&core_entry__march__descriptor, march);
    return value && march != CORE_ENTRY__MARCH__UNKNOWN ? value->name : NULL;
}

static void check_march(const struct fy_set *set, const struct set_core *core)
{
    const struct set_core *first = &set->cores.items[0];

    if (!march_name(core->march))
        fy_set_report(set, FY_FINDING_CORE_ARCHITECTURE, core->file->name, "is of an unknown processor, number %d",
                      core->march);
    else if (core->march != first->march && march_name(first->march))
        fy_set_report(set, FY_FINDING_CORE_ARCHITECTURE, core->file->name, "is of a %s, but %s is of a %s",
                      march_name(core->march), first->file->name, march_name(first->march));
    else if (core->task_state != TASK_ZOMBIE && !core->has_registers)
        fy_set_report(set, FY_FINDING_CORE_REGISTERS, core->file->name, "has no registers of a %s",
                      march_name(core->march));
}

/* Sets of old versions have the actions in an image of their own. */
static void check_signals(const struct fy_set *set, const struct set_core *core)
{
    bool is_elsewhere = core->signal_actions == 0 && fy_set_find_image(set, FY_IMAGE_SIGACT, core->tid);

    if (core->has_task_core && core->task_state != TASK_ZOMBIE && core->march != CORE_ENTRY__MARCH__MIPS &&
        core->signal_actions != SIGNAL_ACTIONS && !is_elsewhere)
        fy_set_report(set, FY_FINDING_CORE_SIGNALS, core->file->name,
                      "says what to do at %zu signals; there are %d that a task can handle", core->signal_actions,
                      SIGNAL_ACTIONS);
}

static void check_auxv(const struct fy_set *set, const struct set_mm *mm)
{
    const struct set_core *core = fy_set_find_core(set, mm->pid);

    if (core && core->march == CORE_ENTRY__MARCH__X86_64 && mm->auxv_words > AUXV_WORDS_X86)
        fy_set_report(set, FY_FINDING_AUXV, mm->file->name,
                      "has an auxiliary vector of %zu words; CRIU 4.2 has room for %d", mm->auxv_words, AUXV_WORDS_X86);
}

int fy_rules_cores(struct fy_set *set, struct fy_error *err)
{
    (void)err;
    for (size_t i = 0; i < set->cores.count; i++) {
        check_march(set, &set->cores.items[i]);
        check_signals(set, &set->cores.items[i]);
    }
    for (size_t i = 0; i < set->mms.count; i++)
        check_auxv(set, &set->mms.items[i]);
    return 0;
}
