/* The destination's look at the files that the workload has open, mapped or bound at the source. */
#ifndef FERRY_AGENT_PREFLIGHT_FILES_H
#define FERRY_AGENT_PREFLIGHT_FILES_H

#include <ferry/agent/migrate.h>
#include <ferry/peer.pb-c.h>

/* `item` is valid during the call. Exactly once, never before the start call has returned. */
typedef void (*fy_preflight_files_cb)(const struct fy_preflight_item *item, void *data);

/* Item "files": which of the offer's is not the same here. Where a hook may still bring it, that is only said. `offer`
 * is borrowed until the callback. FY_E_NOMEM. */
int fy_preflight_files_start(uv_loop_t *loop, const Ferry__Peer__Offer *offer, fy_preflight_files_cb done, void *data,
                             struct fy_error *err);

#endif
