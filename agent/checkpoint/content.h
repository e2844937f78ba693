/* Going over the content of a checkpoint, file by file, against its manifest. Private to the store. */
#ifndef FERRY_CHECKPOINT_CONTENT_H
#define FERRY_CHECKPOINT_CONTENT_H

#include "view.h"

/* Where the content goes. */
struct content_target {
    int images_fd;     /* its files are made here, ferry.manifest too */
    int extra_fd;      /* -1: extra/ is only read */
    bool sparse_pages; /* pages files get their size and no content: enough for imgcore's rules */
};

/* Reads all of it, compares it with the manifest and, when all is written, judges the set by imgcore's rules.
 * FY_E_VERIFY names what is wrong. */
int content_check(struct view *view, const struct content_target *target, struct fy_checkpoint_progress *progress,
                  struct fy_error *err);

#endif
