/* Where ferryd keeps things: the state directory, which only one ferryd may use at a time, and the run directory, which
 * must be memory-backed since image sets in flight live there. */
#ifndef FERRY_DAEMON_PLACES_H
#define FERRY_DAEMON_PLACES_H

#include <ferry/base/error.h>

/* Creates the directory for root only and locks it for the life of the returned descriptor. FY_E_BUSY names the pid of
 * the other ferryd. */
int fy_places_lock_state(const char *state_dir, int *lock_fd, struct fy_error *err);
/* Creates the directory, readable by all, and sees that it is on a tmpfs or ramfs. FY_E_UNSUPPORTED says what to do. */
int fy_places_make_run(const char *run_dir, struct fy_error *err);
/* The `ferry` program that belongs to this ferryd: beside it, or in ../bin. Malloc'ed. */
int fy_places_find_client(char **path, struct fy_error *err);

#endif
