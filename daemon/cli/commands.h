/* Every command, one file each. */
#ifndef FERRY_CLI_COMMANDS_H
#define FERRY_CLI_COMMANDS_H

#include "cli.h"

extern const struct cli_command cmd_migrate, cmd_plan_check, cmd_plan_run, cmd_job_list, cmd_job_show, cmd_job_watch,
    cmd_job_cancel, cmd_job_set, cmd_job_resolve, cmd_job_log, cmd_peer_add, cmd_peer_list, cmd_peer_check, cmd_status,
    cmd_explain, cmd_dial, cmd_hold, cmd_stand_in, cmd_version, cmd_help;
extern const struct cli_command cmd_image_decode, cmd_image_encode, cmd_image_show, cmd_image_info, cmd_image_search,
    cmd_image_manifest, cmd_image_diff, cmd_image_verify, cmd_image_x;
extern const struct cli_command cmd_checkpoint_create, cmd_checkpoint_list, cmd_checkpoint_show, cmd_checkpoint_verify,
    cmd_checkpoint_replicate, cmd_checkpoint_restore, cmd_checkpoint_rm, cmd_checkpoint_pin, cmd_checkpoint_unpin,
    cmd_checkpoint_export, cmd_checkpoint_import;
extern const struct cli_command cmd_checkpoint_prune, cmd_checkpoint_rehearse, cmd_rehearse, cmd_schedule_list,
    cmd_schedule_add, cmd_schedule_rm, cmd_schedule_run, cmd_schedule_pause, cmd_schedule_resume;

#endif
