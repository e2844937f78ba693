/* What lies in the directory of a set, sorted by name. */
#ifndef FERRY_MANIFEST_LISTING_H
#define FERRY_MANIFEST_LISTING_H

#include "../vector.h"
#include <stdint.h>

enum item_kind { ITEM_FILE, ITEM_LINK, ITEM_OTHER };

struct item {
    char *name;
    enum item_kind kind;
    const char *kind_name; /* for people: "a directory" */
    char *target;          /* of a link */
    uint64_t size_bytes;   /* of a link: of its target */
};

struct listing {
    VECTOR(struct item) items;
};

/* Without the manifest itself, and what a manifest is written into first. Only a link named `parent` is an ITEM_LINK.
 * Free with fy_listing_done in any case. */
int fy_listing_read(struct listing *listing, int dir_fd, struct fy_error *err);
void fy_listing_done(struct listing *listing);

#endif
