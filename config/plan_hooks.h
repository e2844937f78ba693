/* The hooks of one migration in a plan. */
#ifndef FERRY_CONFIG_PLAN_HOOKS_H
#define FERRY_CONFIG_PLAN_HOOKS_H

#include "yaml_map.h"

value_reader config_read_hooks; /* no rule; the target is a whole struct fy_migration_spec */

#endif
