/* ferry rehearse IMAGES LOGS SCRATCH CRIU: what ferryd starts to rehearse a checkpoint. */
#include "commands.h"

#include <ferry/agent/rehearsal.h>

struct values {
    const char *runc, *bundle, *config, *id, *podman, *archive, *store_root, *store_driver, *volumes, *probe;
    const char *overlay, *lower, *overlay_options, *root_tar;
    bool file_locks, shell_job, ext_unix_sockets, link_remap;
};

#define AT(member) offsetof(struct values, member)

static const struct cli_option options[] = {
    {"runc", CLI_TEXT, "PROGRAM", "it is a container: restore it with this runc", AT(runc), 0},
    {"bundle", CLI_TEXT, "DIR", "the container's bundle", AT(bundle), 0},
    {"config", CLI_TEXT, "FILE", "the container's configuration as it was", AT(config), 0},
    {"id", CLI_TEXT, "ID", "the container's id", AT(id), 0},
    {"podman", CLI_TEXT, "PROGRAM", "it is a container of podman's: restore it with this podman", AT(podman), 0},
    {"archive", CLI_TEXT, "FILE", "what podman restores from", AT(archive), 0},
    {"store-root", CLI_TEXT, "DIR", "where podman keeps its images", AT(store_root), 0},
    {"store-driver", CLI_TEXT, "NAME", "how podman keeps its images", AT(store_driver), 0},
    {"volumes", CLI_TEXT, "DIR", "where podman keeps its volumes", AT(volumes), 0},
    {"overlay", CLI_TEXT, "DIR", "its root is an overlay, mounted there", AT(overlay), 0},
    {"lower", CLI_TEXT, "DIRS", "the layers below", AT(lower), 0},
    {"overlay-options", CLI_TEXT, "OPTIONS", "other options of the overlay", AT(overlay_options), 0},
    {"root-tar", CLI_TEXT, "FILE", "what the container changed in it", AT(root_tar), 0},
    {"probe", CLI_TEXT, "PROGRAM", "run this when all is restored and held", AT(probe), 0},
    {"file-locks", CLI_FLAG, NULL, "as for CRIU", AT(file_locks), 0},
    {"shell-job", CLI_FLAG, NULL, "as for CRIU", AT(shell_job), 0},
    {"ext-unix-sockets", CLI_FLAG, NULL, "as for CRIU", AT(ext_unix_sockets), 0},
    {"link-remap", CLI_FLAG, NULL, "as for CRIU", AT(link_remap), 0},
    {0},
};

static enum cli_exit run(struct cli *cli, int count, char **operands, const void *given)
{
    const struct values *values = given;
    struct fy_error err = FY_ERROR_INIT;
    const struct fy_rehearsal rehearsal = {
        .images_dir = operands[0],
        .log_dir = operands[1],
        .scratch_dir = operands[2],
        .criu = operands[3],
        .runc = values->runc,
        .bundle = values->bundle,
        .config = values->config,
        .id = values->id,
        .podman = values->podman,
        .archive = values->archive,
        .store_root = values->store_root,
        .store_driver = values->store_driver,
        .volumes = values->volumes,
        .probe = values->probe,
        .overlay = values->overlay,
        .lower = values->lower,
        .overlay_options = values->overlay_options,
        .root_tar = values->root_tar,
        .file_locks = values->file_locks,
        .shell_job = values->shell_job,
        .ext_unix_sockets = values->ext_unix_sockets,
        .link_remap = values->link_remap,
    };
    (void)count;
    if (values->runc && (!values->bundle || !values->config || !values->id))
        fy_error_set(&err, FY_E_USAGE, "--runc needs --bundle, --config and --id");
    else if (values->podman && (!values->archive || !values->store_root || !values->store_driver || !values->volumes))
        fy_error_set(&err, FY_E_USAGE, "--podman needs --archive, --store-root, --store-driver and --volumes");
    else if (values->overlay && (!values->lower || !values->root_tar))
        fy_error_set(&err, FY_E_USAGE, "--overlay needs --lower and --root-tar");
    else if (fy_rehearsal_run(&rehearsal, &err) == 0)
        return CLI_DONE;
    cli_report(cli, &err);
    return CLI_FAILED;
}

const struct cli_command cmd_rehearse = {
    .name = "rehearse",
    .operands = "IMAGES LOGS SCRATCH CRIU",
    .summary = "Restore an image set in scratch namespaces, for ferryd",
    .options = options,
    .values_bytes = sizeof(struct values),
    .min_operands = 4,
    .max_operands = 4,
    .run = run,
};
