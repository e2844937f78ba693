/* A program in CRIU's place, so that podman writes its checkpoint archive of a container that somebody else dumps.
 *
 * podman is the only one who can say what it needs beside CRIU's images (its configuration of the container, what
 * changed in the root file system, volumes), and says it only in the archive of a checkpoint. So for one call of podman
 * the first `criu` in PATH is a script of ours: a request to dump is not carried out but answered when the tasks are
 * frozen, so that the archive and the images, which CRIU wrote meanwhile for ferry, are of the same moment. All other
 * requests (version, features) go to the real CRIU. */
#ifndef FERRY_AGENT_STAND_IN_H
#define FERRY_AGENT_STAND_IN_H

#include <ferry/base/error.h>

/* The stage that the script is told, in CRTOOLS_SCRIPT_ACTION. */
#define FY_STAND_IN_STAGE "stand-in"

/* `ferry stand-in SCRIPT CRIU ARGUMENT…`: `criu_argv` is CRIU and its arguments. For a dump, SCRIPT is run and its exit
 * status decides what podman hears; returns 0, or 1 with `err`. For anything else it becomes CRIU and does not return,
 * unless that fails. */
int fy_stand_in_run(const char *script, char **criu_argv, struct fy_error *err);

#endif
