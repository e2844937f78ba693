/* The files that a process tree uses by their names: programs, libraries and others that are mapped, open files and
 * directories, working directories. CRIU does not carry them; they must be the same where the tree is restored. */
#ifndef FERRY_AGENT_OPEN_FILES_H
#define FERRY_AGENT_OPEN_FILES_H

#include <ferry/agent/driver.h>
#include <ferry/peer.pb-c.h>

/* Of one offer. What is beyond is found out at the restore. */
#define FY_OPEN_FILES_MOST 1024
#define FY_OPEN_FILES_MOST_BYTES ((size_t)96 * 1024) /* of all paths together; a frame's head holds 256 KiB */

struct fy_open_files {
    Ferry__Peer__OpenFile **list; /* room for FY_OPEN_FILES_MOST */
    size_t count;
    size_t path_bytes; /* of all together */
};

/* The caller's from then on: fy_open_files_done(). Exactly once, never before the start call has returned. */
typedef void (*fy_open_files_cb)(struct fy_open_files *files, void *data);

/* Only of tasks that see this host's files as ferryd does: those of containers come with their root. Without what has
 * no name (deleted, anonymous) and what the kernel makes (/proc, /sys, /dev). What can't be read is left out.
 * FY_E_NOMEM. */
int fy_open_files_start(uv_loop_t *loop, pid_t root, fy_open_files_cb done, void *data, struct fy_error *err);
void fy_open_files_done(struct fy_open_files *files);
/* Adds the file or directory at `place` by the name `path`; with `is_same_build` the other host's must be the same
 * build of a program. NULL: there is no room, no memory, or nothing there that can be compared. */
Ferry__Peer__OpenFile *fy_open_files_add(struct fy_open_files *files, const char *place, const char *path,
                                         bool is_same_build);

#endif
