/* The table of findings as data. */
#include <ferry/base/cleanup.h>
#include <ferry/imgcore/verify.h>

static const struct fy_finding_kind kinds[FY_FINDING_COUNT] = {
#define FINDING(id, code, severity, effect, advice)                                                                    \
    [FY_FINDING_##id] = {code, FY_SEVERITY_##severity, FY_EFFECT_##effect, advice},
#include <ferry/imgcore/findings.inc>
#undef FINDING
};

const struct fy_finding_kind *fy_finding_kind(enum fy_finding_id id)
{
    return &kinds[id];
}

const char *fy_severity_name(enum fy_severity severity)
{
    static const char *const names[] = {
        [FY_SEVERITY_NOTE] = "note", [FY_SEVERITY_WARNING] = "warning", [FY_SEVERITY_ERROR] = "error"};

    return names[severity];
}

const char *fy_effect_text(enum fy_effect effect)
{
    static const char *const texts[] = {
        [FY_EFFECT_NONE] = "nothing happens",
        [FY_EFFECT_UNNOTICED] = "CRIU does not notice it",
        [FY_EFFECT_UNSUPPORTED] = "not known: ferry cannot judge this form",
        [FY_EFFECT_FAILS_EARLY] = "CRIU fails before it has made a process",
        [FY_EFFECT_FAILS_LATE] = "CRIU fails after it has made processes",
        [FY_EFFECT_HANGS] = "CRIU hangs",
        [FY_EFFECT_CRASHES] = "CRIU crashes",
        [FY_EFFECT_WRONG_MEMORY] = "CRIU reports success, but memory is wrong",
        [FY_EFFECT_LOSES_FILES] = "CRIU reports success, but open files are lost",
        [FY_EFFECT_WRONG_STATE] = "CRIU may report success, but not everything is as it was",
    };

    return texts[effect];
}
