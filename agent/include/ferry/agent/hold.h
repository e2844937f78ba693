/* The hold server: where CRIU's action script reports when a runtime, not ferry, has started CRIU.
 *
 * For one call of the runtime, HOME points to a directory with `.criu/default.conf` that names a script of ours. CRIU
 * calls it at each stage; the script runs `ferry hold`, which connects to RUN_DIR/hold.sock, says job, token and stage,
 * and waits for the answer. The user's own CRIU configuration is not touched: what it holds is copied in front of ours.
 */
#ifndef FERRY_AGENT_HOLD_H
#define FERRY_AGENT_HOLD_H

#include <ferry/base/error.h>
#include <sys/types.h>
#include <uv.h>

struct fy_hold_server;
struct fy_hold;

/* `client`: absolute path of the program whose `hold SOCKET JOB TOKEN` calls fy_hold_client_run(); the script runs it.
 */
int fy_hold_server_start(uv_loop_t *loop, const char *socket_path, const char *client, struct fy_hold_server **server,
                         struct fy_error *err);
/* Every hold must have been closed. `closed` may be NULL; it fires when nothing of the server is left in the loop. */
void fy_hold_server_close(struct fy_hold_server *server, void (*closed)(void *data), void *data);

/* The program that was given at the start. */
const char *fy_hold_server_client(const struct fy_hold_server *server);

/* The stage as CRTOOLS_SCRIPT_ACTION names it ("pre-dump", "post-dump", "post-restore", …). Every stage must be
 * answered with fy_hold_answer(), in the callback or later. `init_pid`: CRTOOLS_INIT_PID, 0 if unset. */
typedef void (*fy_hold_cb)(struct fy_hold *hold, const char *stage, pid_t init_pid, void *data);

/* Registers a job and writes DIRECTORY/.criu/default.conf (`extra_options` are lines of CRIU configuration, may be "")
 * and the script. The caller gives the runtime HOME=DIRECTORY. DIRECTORY is made if it is not there; CRIU executes the
 * script itself, so it must not be on a file system mounted noexec (FY_E_UNSUPPORTED), as /run is on many hosts. */
int fy_hold_open(struct fy_hold_server *server, const char *job_id, const char *directory, const char *extra_options,
                 fy_hold_cb stage, void *data, struct fy_hold **hold, struct fy_error *err);
/* 0 lets CRIU go on, 1 vetoes. */
void fy_hold_answer(struct fy_hold *hold, int verdict);
/* Forgets the job: a script that still waits gets a veto. Frees. NULL is legal. */
void fy_hold_close(struct fy_hold *hold);

/* The other side, `ferry hold SOCKET JOB TOKEN`: reads the stage from CRIU's environment; blocks; returns the exit
 * status for CRIU: 0 go on, 1 veto (also when ferryd cannot be reached: what nobody decides is undone). */
int fy_hold_client_run(const char *socket_path, const char *job_id, const char *token, struct fy_error *err);

#endif
