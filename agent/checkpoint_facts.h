/* What ferry knows of a checkpoint, as files beside its images in the forms of other programs: so that what ferry has
 * exported can be imported again as it was. Private to export and import. */
#ifndef FERRY_AGENT_CHECKPOINT_FACTS_H
#define FERRY_AGENT_CHECKPOINT_FACTS_H

#include <ferry/base/error.h>
#include <ferry/checkpoint.pb-c.h>

#define FY_FACTS_NAME "ferry.checkpoint"
#define FY_FACTS_CONFIG_NAME "ferry.config.json" /* of a runc container; in the store it is extra/config.json */
#define FY_FACTS_ROOT_NAME "ferry.root.tar"      /* what it changed in an overlay; in the store it is extra/root.tar */

/* Files in `images_dir`; `extra_dir` may have a config.json and a root.tar. */
int checkpoint_facts_write(const Ferry__Checkpoint__Record *record, const char *images_dir, const char *extra_dir,
                           struct fy_error *err);
/* The other way round: the files leave `images_dir`. `*record` is NULL when there are none; freed with
 * ferry__checkpoint__record__free_unpacked(). What is in it comes from a file that anybody may have written:
 * FY_E_FORMAT when it is not even a record. */
int checkpoint_facts_take(const char *images_dir, const char *extra_dir, Ferry__Checkpoint__Record **record,
                          struct fy_error *err);

#endif
