/* What the bundle of a runc container says of it. */
#ifndef FERRY_AGENT_BUNDLE_H
#define FERRY_AGENT_BUNDLE_H

#include <yajl/yajl_tree.h>

/* Its config.json, for yajl_tree_free(), which takes NULL too; NULL when it can't be read. */
yajl_val fy_bundle_config(const char *bundle);

#endif
