/* One migration's options: their defaults and the words for them. */
#include <ferry/base/cleanup.h>
#include <ferry/base/text.h>
#include <ferry/config/plan.h>

#include <string.h>

static const char *const tcp_names[] = {
    [FY_TCP_ESTABLISHED] = "established", [FY_TCP_CLOSE] = "close", [FY_TCP_REFUSE] = "refuse"};
/* Modes that users read about and that later versions have: "unknown" would be the wrong answer. */
static const char *const later_modes[] = {"precopy", "postcopy", "auto"};

void fy_migration_spec_init(struct fy_migration_spec *spec)
{
    *spec = (struct fy_migration_spec){.mode = FY_MODE_STOP, .tcp = FY_TCP_ESTABLISHED};
}

int fy_migration_mode_parse(const char *text, enum fy_migration_mode *mode, struct fy_error *err)
{
    if (!strcmp(text, "stop")) {
        *mode = FY_MODE_STOP;
        return 0;
    }
    for (size_t i = 0; i < FY_ARRAY_SIZE(later_modes); i++) {
        if (!strcmp(text, later_modes[i]))
            return fy_error_set(err, FY_E_USAGE, "mode '%s' is not supported by this version; use 'stop'", text);
    }
    return fy_error_set(err, FY_E_USAGE, "unknown mode '%.80s'; use 'stop'", text);
}

const char *fy_migration_mode_name(enum fy_migration_mode mode)
{
    (void)mode; /* there is only one */
    return "stop";
}

int fy_tcp_mode_parse(const char *text, enum fy_tcp_mode *mode, struct fy_error *err)
{
    for (size_t i = 0; i < FY_ARRAY_SIZE(tcp_names); i++) {
        if (!strcmp(text, tcp_names[i])) {
            *mode = (enum fy_tcp_mode)i;
            return 0;
        }
    }
    const char *near = fy_text_nearest(text, tcp_names, FY_ARRAY_SIZE(tcp_names));
    return fy_error_set(err, FY_E_USAGE, "unknown tcp mode '%.80s'; use '%s'%s", text, near ? near : "established",
                        near ? "" : ", 'close' or 'refuse'");
}

const char *fy_tcp_mode_name(enum fy_tcp_mode mode)
{
    return tcp_names[mode];
}
