/* Root file systems of containers that are overlays: finding one, and putting one back as it was. All of it blocks: for
 * a thread. */
#ifndef FERRY_AGENT_OVERLAY_H
#define FERRY_AGENT_OVERLAY_H

#include <ferry/agent/driver.h>
#include <ferry/checkpoint.pb-c.h>

/* Of the container with this first task, in /proc; `overlay` is left empty when its root is none, or cannot be mounted
 * again from what is known. */
void fy_overlay_find(pid_t root_pid, const char *bundle, struct fy_overlay *overlay);
/* Left empty when the record has none. It may come from another host: FY_E_VERIFY. */
int fy_overlay_from_record(const Ferry__Checkpoint__Record *record, struct fy_overlay *overlay, struct fy_error *err);
/* FY_E_PREFLIGHT names the layer that is not on this host. */
int fy_overlay_check_layers(const struct fy_overlay *overlay, const char *container, struct fy_error *err);

/* ---- putting one back ----
 *
 *     clear  nobody uses it; unmounted; an empty directory UPPER.new to be filled
 *     take   UPPER and UPPER.new change places in one step, what was there becomes UPPER.replaced; mounted
 *     undo   after any of these: all as it was before clear */
struct fy_overlay_root {
    struct fy_overlay overlay;
    char next[4096 + 16], replaced[4096 + 16];
    bool was_mounted, had_upper, taken, mounted;
};

/* `bundle` without a config.json gets the one of `config`. FY_E_BUSY names who uses it. */
int fy_overlay_root_clear(struct fy_overlay_root *root, const char *bundle, const char *config, struct fy_error *err);
int fy_overlay_root_take(struct fy_overlay_root *root, struct fy_error *err);
void fy_overlay_root_undo(struct fy_overlay_root *root);

#endif
