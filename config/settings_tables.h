/* The keys of ferryd's configuration, with readers and defaults. */
#ifndef FERRY_CONFIG_SETTINGS_TABLES_H
#define FERRY_CONFIG_SETTINGS_TABLES_H

#include "yaml_map.h"

/* The top level fills a struct fy_settings; `peers` is read by a reader of settings.c. */
extern const struct fields config_settings_fields;
/* One entry of `peers` fills a struct fy_peer_settings that already holds the defaults. */
extern const struct fields config_peer_fields;

value_reader config_read_peers; /* settings.c; the target is the whole struct fy_settings */

#endif
