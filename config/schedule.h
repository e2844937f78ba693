/* Reading the `schedules` of a plan. */
#ifndef FERRY_CONFIG_SCHEDULE_PRIVATE_H
#define FERRY_CONFIG_SCHEDULE_PRIVATE_H

#include "yaml_map.h"

#define MAX_SCHEDULES 100 /* each is compared with all before it */

value_reader config_read_schedules; /* no rule; struct fy_plan */
value_reader config_read_windows;   /* no rule; struct fy_schedule_spec */
/* What the tables cannot say: `every` or `cron`, something to take checkpoints of, no run outside of the windows. */
struct fy_schedule_spec;
void config_check_schedule(struct reading *reading, const struct node *node, const struct fy_schedule_spec *spec);

#endif
