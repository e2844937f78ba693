/* Reading of bundles. */
#include "bundle.h"

#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <stdio.h>

#define CONFIG_LIMIT_BYTES ((size_t)16 << 20)

yajl_val fy_bundle_config(const char *bundle)
{
    FY_AUTO_FREE char *file = NULL;
    FY_AUTO_FREE char *text = NULL;
    if (asprintf(&file, "%s/config.json", bundle) < 0) {
        file = NULL;
        return NULL;
    }
    if (fy_fs_read_file(file, CONFIG_LIMIT_BYTES, &text, NULL, NULL) < 0)
        return NULL;
    return yajl_tree_parse(text, NULL, 0);
}
