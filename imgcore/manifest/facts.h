/* The facts of a set: what its images say a destination must have, and what the caller knows. */
#ifndef FERRY_MANIFEST_FACTS_H
#define FERRY_MANIFEST_FACTS_H

#include "listing.h"
#include <ferry/imgcore/manifest.h>

/* To be freed by ferry__manifest__facts__free_unpacked. */
int fy_facts_gather(int dir_fd, const struct listing *listing, const struct fy_manifest_options *options,
                    Ferry__Manifest__Facts **facts, struct fy_error *err);

#endif
