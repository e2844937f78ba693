/* The life of a restore, whichever driver does it.
 *
 *     STARTING ─ post-restore ─> EXAMINING ─> HELD ─ decision ─> ENDING ─> SETTLING ─> DONE
 *         └──────────── CRIU fails, is vetoed or ended by force ───┘
 *
 * Until the tasks run, everything here may be killed without loss: a restore that is late or must be discarded before
 * it is held is ended by killing CRIU and all that it has made. CRIU loops for ever on some damaged image sets. */
#include "restore.h"

#include "dump.h"

#include <ferry/agent/evidence.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <ferry/base/text.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <time.h>

/* From the answer until CRIU must have ended. */
#define END_MS 60000
/* From giving up early until what has not tidied up by itself is killed. */
#define TIDY_MS 10000
#define KILL_WAIT_MS 10000
#define LOOK_MS 250u
#define MISSED_LOOKS 12u
/* How long an earlier ferryd's CRIU may take to see that nobody answers. */
#define AFTERMATH_MS 30000
#define LOG_TAIL_BYTES 4096

static const unsigned char allowed[] = {
    [FY_RESTORE_STARTING] = 1u << FY_RESTORE_EXAMINING | 1u << FY_RESTORE_ENDING,
    [FY_RESTORE_EXAMINING] = 1u << FY_RESTORE_HELD | 1u << FY_RESTORE_ENDING,
    [FY_RESTORE_HELD] = 1u << FY_RESTORE_ENDING,
    [FY_RESTORE_ENDING] = 1u << FY_RESTORE_SETTLING,
    [FY_RESTORE_SETTLING] = 1u << FY_RESTORE_DONE,
    [FY_RESTORE_DONE] = 0,
};

static void enter(struct fy_restore *restore, enum fy_restore_phase phase)
{
    if (!(allowed[restore->phase] & 1u << phase))
        abort(); /* a driver broke the order: going on could run a workload twice */
    restore->phase = phase;
}

/* ---- answers ---- */

/* CRIU and what it has made, while all of it is still below the program that we started; that program too, or not. */
static void kill_tree(const struct fy_restore *restore, bool spare_program)
{
    struct fy_process_tree tree = {0};
    pid_t program = restore->driver->program(restore);
    if (program > 0 && fy_process_tree_collect(program, FY_DUMP_PROCESS_LIMIT, &tree, NULL) == 0) {
        size_t first = spare_program ? 1 : 0;
        struct fy_process_tree doomed = {.processes = tree.processes + first, .count = tree.count - first};
        fy_process_tree_kill(&doomed);
    }
    fy_process_tree_done(&tree);
}

static void tidied_late(uv_timer_t *timer)
{
    kill_tree(timer->data, false);
}

/* Given up before it was held. Nothing has run, so that all may be killed; but a program that tidies up is given the
 * time for it, else the names that it has taken stay taken. */
static void give_up_early(struct fy_restore *restore)
{
    kill_tree(restore, restore->driver->tidies_up);
    (void)uv_timer_start(&restore->deadline, tidied_late, TIDY_MS, 0);
}

static void end_late(uv_timer_t *timer)
{
    struct fy_restore *restore = timer->data;
    pid_t program = restore->driver->program(restore);
    struct fy_process process;
    struct fy_process_tree alone = {.processes = &process, .count = 1};
    /* The tasks may run by now: only the program itself is ended. */
    if (program > 0 && fy_process_identify(program, &process))
        fy_process_tree_kill(&alone);
}

/* For a ferryd that comes after us. Before the tasks can run, it is noted that they may. */
static void note_traces(struct fy_restore *restore)
{
    struct fy_traces traces = {
        .helpers = restore->helpers,
        .tasks = restore->tasks,
        .run_given = fy_restore_run_given(restore),
    };
    (void)fy_traces_note(restore->host->settings->run_dir, restore->job_id, &traces, NULL);
}

static void collect_helpers(struct fy_restore *restore)
{
    pid_t program = restore->driver->program(restore);
    fy_process_tree_done(&restore->helpers);
    if (program > 0)
        (void)fy_process_tree_collect(program, FY_DUMP_PROCESS_LIMIT, &restore->helpers, NULL);
}

static void answer_last(struct fy_restore *restore, bool go_on)
{
    restore->answered = true;
    restore->vetoed = !go_on;
    if (go_on)
        note_traces(restore);
    enter(restore, FY_RESTORE_ENDING);
    (void)uv_timer_start(&restore->deadline, end_late, END_MS, 0);
    restore->driver->answer(restore, go_on);
}

void fy_restore_decide(struct fy_restore *restore, enum fy_restore_decision decision)
{
    if (restore->decided || (decision == FY_DECIDE_RUN && restore->phase != FY_RESTORE_HELD))
        return;
    restore->decided = true;
    restore->decision = decision;
    if (restore->phase == FY_RESTORE_HELD)
        answer_last(restore, decision == FY_DECIDE_RUN);
    else if (restore->phase == FY_RESTORE_STARTING)
        give_up_early(restore);
}

bool fy_restore_run_given(const struct fy_restore *restore)
{
    return restore->answered && !restore->vetoed;
}

/* Whether CRIU, or what it has made, computes: it loops for ever on some damaged image sets. */
static bool is_at_work(const struct fy_restore *restore)
{
    struct fy_process_tree tree = {0};
    struct fy_process_stat stat;
    bool at_work = false;
    pid_t program = restore->driver->program(restore);
    if (program > 0 && fy_process_tree_collect(program, FY_DUMP_PROCESS_LIMIT, &tree, NULL) == 0)
        for (size_t i = 0; i < tree.count; i++)
            at_work = at_work || (fy_process_stat(tree.processes[i].pid, &stat) && stat.state == 'R');
    fy_process_tree_done(&tree);
    return at_work;
}

static void deadline_struck(uv_timer_t *timer)
{
    struct fy_restore *restore = timer->data;
    char log_path[4096], words[256], limit[FY_TEXT_SIZE];
    (void)snprintf(log_path, sizeof log_path, "%s/restore.log", restore->work_dir);
    fy_evidence_last_words(log_path, words, sizeof words);
    fy_text_duration(restore->host->settings->timeouts.restore_ms * UINT64_C(1000000), limit);
    fy_error_set(&restore->err, FY_E_TIMEOUT,
                 "the restore was not complete after %s and was killed; CRIU was %s, and its last words were '%s'",
                 limit, is_at_work(restore) ? "at work, perhaps without end" : "waiting", words[0] ? words : "nothing");
    fy_error_next(&restore->err, "%s says how far CRIU came; raise timeouts.restore in ferryd's configuration",
                  log_path);
    fy_restore_decide(restore, FY_DECIDE_DISCARD);
}

/* A runtime does not see that its CRIU was killed, as what that has made keeps their socket open: it would wait for
 * ever, and the source with it. After a CRIU that has failed by itself nothing is left, and it ends sooner. */
static void end_what_criu_left(struct fy_restore *restore)
{
    bool is_dead = restore->criu.pid > 0 && !fy_process_lives(&restore->criu);
    restore->missed = is_dead ? restore->missed + 1 : 0;
    if (restore->missed == MISSED_LOOKS)
        kill_tree(restore, restore->driver->tidies_up);
}

static void look(uv_timer_t *timer)
{
    struct fy_restore *restore = timer->data;
    uint64_t past_ms = uv_now(restore->host->loop) - restore->started_ms;
    if (past_ms >= restore->host->settings->timeouts.restore_ms) {
        (void)uv_timer_stop(timer);
        deadline_struck(timer);
    } else
        end_what_criu_left(restore);
}

/* It is the one that waits for the script that has told us the stage, at the end of the chain. */
static void note_criu(struct fy_restore *restore)
{
    struct fy_process_stat script;
    const struct fy_process_tree *helpers = &restore->helpers;
    if (helpers->count > 2 && fy_process_stat(helpers->processes[helpers->count - 1].pid, &script))
        (void)fy_process_identify(script.ppid, &restore->criu);
}

/* ---- stages ---- */

/* In the thread pool. */
static void examine(uv_work_t *work)
{
    struct fy_restore *restore = fy_container_of(work, struct fy_restore, work);
    (void)fy_process_tree_collect(restore->root_pid, FY_DUMP_PROCESS_LIMIT, &restore->tasks, NULL);
}

static void examined(uv_work_t *work, int status)
{
    struct fy_restore *restore = fy_container_of(work, struct fy_restore, work);
    (void)status;
    restore->working = false;
    if (restore->phase == FY_RESTORE_ENDING) { /* CRIU has ended meanwhile */
        fy_restore_criu_ended(restore);
        return;
    }
    (void)uv_timer_stop(&restore->deadline);
    enter(restore, FY_RESTORE_HELD);
    note_traces(restore);
    if (restore->tasks.count == 0 && !restore->decided) {
        fy_error_set(&restore->err, FY_E_RESTORE, "CRIU says that process %d was restored, and it is not there",
                     (int)restore->root_pid);
        fy_restore_decide(restore, FY_DECIDE_DISCARD);
    } else if (restore->decided) {
        answer_last(restore, false);
    } else {
        restore->events.held(restore, restore->data);
    }
}

static void post_restore(struct fy_restore *restore, pid_t pid)
{
    restore->root_pid = pid;
    enter(restore, FY_RESTORE_EXAMINING);
    restore->working = uv_queue_work(restore->host->loop, &restore->work, examine, examined) == 0;
    if (!restore->working) {
        fy_error_set(&restore->err, FY_E_NOMEM, "out of memory for looking at the restored workload");
        answer_last(restore, false);
    }
}

void fy_restore_stage(struct fy_restore *restore, const char *stage, pid_t pid)
{
    if (!restore->begun) {
        collect_helpers(restore);
        note_criu(restore);
        note_traces(restore);
    }
    restore->begun = true;
    if (pid > 0 && restore->root.pid == 0)
        (void)fy_process_identify(pid, &restore->root);
    if (strcmp(stage, "post-restore") == 0 && restore->phase == FY_RESTORE_STARTING) {
        if (restore->decided)
            answer_last(restore, false);
        else
            post_restore(restore, pid);
        return;
    }
    if (strcmp(stage, "post-resume") == 0)
        restore->resumed = true;
    /* CRIU may have been started just after it was given up. */
    bool given_up = restore->phase == FY_RESTORE_STARTING && restore->decided;
    restore->driver->answer(restore, !given_up);
}

/* ---- the end ---- */

void fy_restore_criu_ended(struct fy_restore *restore)
{
    (void)uv_timer_stop(&restore->deadline);
    if (restore->phase != FY_RESTORE_ENDING)
        enter(restore, FY_RESTORE_ENDING);
    if (restore->working) /* examined() calls again */
        return;
    enter(restore, FY_RESTORE_SETTLING);
    restore->driver->settle(restore);
}

/* In the thread pool. */
static void clean(uv_work_t *work)
{
    struct fy_restore *restore = fy_container_of(work, struct fy_restore, work);
    const struct timespec pause = {.tv_nsec = 1000 * 1000};
    if (restore->tasks.count == 0 && fy_process_lives(&restore->root))
        (void)fy_process_tree_collect(restore->root.pid, FY_DUMP_PROCESS_LIMIT, &restore->tasks, NULL);
    fy_process_tree_kill(&restore->tasks);
    for (int i = 0; i < KILL_WAIT_MS && fy_process_tree_runs(&restore->tasks); i++)
        (void)nanosleep(&pause, NULL);
}

static void cleaned(uv_work_t *work, int status)
{
    struct fy_restore *restore = fy_container_of(work, struct fy_restore, work);
    (void)status;
    restore->cleaned(restore);
}

void fy_restore_clean(struct fy_restore *restore, void (*then)(struct fy_restore *restore))
{
    bool nothing_left = restore->tasks.count == 0 && !fy_process_lives(&restore->root);
    restore->cleaned = then;
    if (nothing_left || uv_queue_work(restore->host->loop, &restore->work, clean, cleaned) != 0)
        then(restore);
}

static void restore_free(struct fy_restore *restore)
{
    fy_process_tree_done(&restore->tasks);
    fy_process_tree_done(&restore->helpers);
    free(restore->job_id);
    free(restore->images_dir);
    free(restore->work_dir);
    free(restore->bundle);
    free(restore);
}

/* CRIU mounts the cgroups below its working directory while it restores; one that was killed has left them there, and
 * the job's logs could never be removed. */
static void remove_cgroup_mounts(const char *work_dir)
{
    char path[4096], below[4096 + 300];
    DIR *dir = opendir(work_dir);
    struct dirent *entry, *inner;
    while (dir && (entry = readdir(dir))) {
        if (strncmp(entry->d_name, ".criu.cgyard.", strlen(".criu.cgyard.")) != 0)
            continue;
        (void)snprintf(path, sizeof path, "%.3000s/%s", work_dir, entry->d_name);
        DIR *yard = opendir(path);
        while (yard && (inner = readdir(yard))) {
            (void)snprintf(below, sizeof below, "%s/%s", path, inner->d_name);
            if (inner->d_name[0] != '.')
                (void)umount2(below, MNT_DETACH);
        }
        if (yard)
            (void)closedir(yard);
        (void)umount2(path, MNT_DETACH);
        (void)fy_fs_remove_tree(path, NULL);
    }
    if (dir)
        (void)closedir(dir);
}

static void deadline_closed(uv_handle_t *handle)
{
    struct fy_restore *restore = handle->data;
    const struct fy_error *err = fy_error_is_set(&restore->err) ? &restore->err : NULL;
    restore->events.done(restore, restore->state, restore->running_pid, err, restore->data);
    restore_free(restore);
}

void fy_restore_ended(struct fy_restore *restore, enum fy_workload_state state, pid_t root_pid,
                      const struct fy_error *why)
{
    bool discarded = restore->decided && restore->decision == FY_DECIDE_DISCARD && state == FY_WORKLOAD_GONE;
    bool runs = fy_restore_run_given(restore) && state == FY_WORKLOAD_RUNNING;
    enter(restore, FY_RESTORE_DONE);
    remove_cgroup_mounts(restore->work_dir);
    restore->state = state;
    restore->running_pid = state == FY_WORKLOAD_RUNNING ? root_pid : 0;
    if (!discarded && !runs && why)
        fy_error_propagate(&restore->err, why);
    uv_close((uv_handle_t *)&restore->deadline, deadline_closed);
}

/* ---- start ---- */

static int copy_request(struct fy_restore *restore, const struct fy_restore_request *request, struct fy_error *err)
{
    restore->spec = request->spec;
    restore->job_id = strdup(request->job_id);
    restore->images_dir = strdup(request->images_dir);
    restore->work_dir = strdup(request->work_dir);
    restore->bundle = strdup(request->bundle ? request->bundle : "");
    if (!restore->job_id || !restore->images_dir || !restore->work_dir || !restore->bundle)
        return fy_error_set(err, FY_E_NOMEM, "out of memory for a restore");
    return 0;
}

static void start_failed(uv_handle_t *handle)
{
    restore_free(handle->data);
}

static const struct fy_restore_driver *const drivers[] = {
    [FY_WORKLOAD_PROCESS] = &fy_process_restore_driver,
    [FY_WORKLOAD_RUNC] = &fy_runc_restore_driver,
    [FY_WORKLOAD_PODMAN] = &fy_podman_restore_driver,
};

static struct fy_restore *new_restore(const struct fy_host *host, const struct fy_restore_request *request,
                                      const struct fy_restore_events *events, void *data, struct fy_error *err)
{
    const struct fy_restore_driver *driver = drivers[request->spec->workload.kind];
    struct fy_restore *restore = calloc(1, driver->size);
    if (!restore) {
        fy_error_set(err, FY_E_NOMEM, "out of memory for a restore");
        return NULL;
    }
    restore->driver = driver;
    restore->host = host;
    restore->events = *events;
    restore->data = data;
    if (copy_request(restore, request, err) < 0) {
        restore_free(restore);
        return NULL;
    }
    (void)uv_timer_init(host->loop, &restore->deadline);
    restore->deadline.data = restore;
    return restore;
}

int fy_restore_start(const struct fy_host *host, const struct fy_restore_request *request,
                     const struct fy_restore_events *events, void *data, struct fy_restore **restore_out,
                     struct fy_error *err)
{
    struct fy_restore *restore = new_restore(host, request, events, data, err);
    if (!restore)
        return -1;
    if (restore->driver->start(restore, err) < 0) {
        uv_close((uv_handle_t *)&restore->deadline, start_failed);
        return -1;
    }
    uint64_t limit_ms = host->settings->timeouts.restore_ms;
    uint64_t pause_ms = limit_ms < LOOK_MS ? limit_ms : LOOK_MS;
    restore->started_ms = uv_now(host->loop);
    (void)uv_timer_start(&restore->deadline, look, pause_ms, pause_ms);
    *restore_out = restore;
    return 0;
}

/* ---- after an earlier ferryd ---- */

/* CRIU writes so among the last lines of its log. */
static bool log_says_resumed(const struct fy_restore *restore)
{
    char path[4096];
    char tail[LOG_TAIL_BYTES + 1] = "";
    (void)snprintf(path, sizeof path, "%s/restore.log", restore->work_dir);
    FY_AUTO_CLOSE int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return false;
    if (lseek(fd, -(off_t)LOG_TAIL_BYTES, SEEK_END) < 0)
        (void)lseek(fd, 0, SEEK_SET);
    return read(fd, tail, LOG_TAIL_BYTES) > 0 && strstr(tail, "Tasks resumed.");
}

/* Tasks of which CRIU has not written that they run wait in its restorer for ever: they are no workload. */
static void aftermath_known(struct fy_traces *traces, void *data)
{
    struct fy_restore *restore = data;
    restore->tasks = traces->tasks;
    traces->tasks = (struct fy_process_tree){0};
    restore->begun = traces->helpers.count > 0 || restore->tasks.count > 0;
    restore->vetoed = !traces->run_given;
    restore->resumed = traces->run_given && log_says_resumed(restore);
    if (restore->tasks.count > 0)
        restore->root_pid = restore->tasks.processes[0].pid;
    fy_traces_done(traces);
    if (restore->driver->take_up)
        restore->driver->take_up(restore);
    enter(restore, FY_RESTORE_ENDING);
    enter(restore, FY_RESTORE_SETTLING);
    restore->driver->settle(restore);
}

int fy_restore_take_up(const struct fy_host *host, const struct fy_restore_request *request,
                       const struct fy_restore_events *events, void *data, struct fy_restore **restore_out,
                       struct fy_error *err)
{
    struct fy_restore *restore = new_restore(host, request, events, data, err);
    if (!restore)
        return -1;
    restore->answered = true;
    restore->vetoed = true;
    if (fy_aftermath_start(host, restore->job_id, false, AFTERMATH_MS, aftermath_known, restore, err) < 0) {
        uv_close((uv_handle_t *)&restore->deadline, start_failed);
        return -1;
    }
    *restore_out = restore;
    return 0;
}
