/* The life of a dump, whichever driver does it.
 *
 *     STARTING ─ pre-dump ─> FREEZING ─ post-dump ─> EXAMINING ─> HELD ─ decision ─> ENDING ─> SETTLING ─> DONE
 *         └──────────────────────┴──── CRIU fails, or is vetoed ──────────────────────┘
 *
 * A RESUME that comes early is given as a veto at the next stage at which CRIU can still undo. When CRIU reaches no
 * stage before its deadline, it is first marked for a veto, and only ended by force when that does not come in time
 * either: a CRIU killed in mid-dump may leave its parasite in the tasks. */
#include "dump.h"

#include "locks.h"

#include <ferry/agent/evidence.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/text.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* From the deadline until CRIU is ended by force, and from an answer until it must have ended. */
#define GRACE_MS 10000
#define END_MS 60000
/* How long an earlier ferryd's CRIU may take to see that nobody answers. */
#define AFTERMATH_MS 30000
#define CRIU_NICE (-10)

static const unsigned char allowed[] = {
    [FY_DUMP_STARTING] = 1u << FY_DUMP_FREEZING | 1u << FY_DUMP_ENDING | 1u << FY_DUMP_SETTLING,
    [FY_DUMP_FREEZING] = 1u << FY_DUMP_EXAMINING | 1u << FY_DUMP_ENDING | 1u << FY_DUMP_SETTLING,
    [FY_DUMP_EXAMINING] = 1u << FY_DUMP_HELD | 1u << FY_DUMP_ENDING | 1u << FY_DUMP_SETTLING,
    [FY_DUMP_HELD] = 1u << FY_DUMP_ENDING | 1u << FY_DUMP_SETTLING,
    [FY_DUMP_ENDING] = 1u << FY_DUMP_SETTLING,
    [FY_DUMP_SETTLING] = 1u << FY_DUMP_DONE,
    [FY_DUMP_DONE] = 0,
};

static void enter(struct fy_dump *dump, enum fy_dump_phase phase)
{
    if (!(allowed[dump->phase] & 1u << phase))
        abort(); /* a driver broke the order: going on could destroy a workload */
    dump->phase = phase;
}

/* ---- answers ---- */

static void say_how_far(const struct fy_dump *dump, const char *what, char *text, size_t text_size)
{
    char log_path[4096], words[256];
    (void)snprintf(log_path, sizeof log_path, "%s/dump.log", dump->work_dir);
    fy_evidence_last_words(log_path, words, sizeof words);
    (void)snprintf(text, text_size, "%s; CRIU's last words were '%s'", what, words[0] ? words : "nothing");
}

static void look(uv_work_t *work)
{
    fy_dump_look(fy_container_of(work, struct fy_dump, work));
}

static void looked(uv_work_t *work, int status)
{
    struct fy_dump *dump = fy_container_of(work, struct fy_dump, work);
    (void)status;
    dump->working = false;
    if (dump->criu_ended)
        fy_dump_criu_ended(dump);
    else
        dump->driver->terminate(dump);
}

/* CRIU reached no stage at which it could undo, or did not end after its answer. */
static void end_late(uv_timer_t *timer)
{
    struct fy_dump *dump = timer->data;
    char text[512], after[FY_TEXT_SIZE];
    fy_text_duration((dump->answered ? END_MS : GRACE_MS) * UINT64_C(1000000), after);
    say_how_far(dump, dump->answered ? "after the decision" : "after it was given up", text, sizeof text);
    if (fy_error_is_set(&dump->err))
        fy_error_wrap(&dump->err, "CRIU was killed %s %s", after, text);
    else
        fy_error_set(&dump->err, FY_E_TIMEOUT, "CRIU was killed %s %s", after, text);
    /* The tasks run as soon as it is dead: before that their sockets must be theirs again. */
    dump->working = dump->phase == FY_DUMP_FREEZING && uv_queue_work(dump->host->loop, &dump->work, look, looked) == 0;
    if (!dump->working)
        dump->driver->terminate(dump);
}

static void unpin(const struct fy_dump *dump)
{
    if (dump->pinned)
        fy_process_tree_signal(&dump->helpers, SIGCONT);
}

/* CRIU would kill them. But should it die before it has, they would run on until that is seen, and what they did in
 * between would be lost; so they die while it holds them. */
static void answer_kill(struct fy_dump *dump)
{
    fy_process_tree_kill(&dump->frozen);
    unpin(dump);
    dump->driver->answer(dump, true);
}

/* In the thread pool. What cannot be put back is no reason to stop: the locks still hide it. */
static void begin_repair_again(uv_work_t *work)
{
    struct fy_dump *dump = fy_container_of(work, struct fy_dump, work);
    (void)fy_repair_begin_again(&dump->repair, NULL);
}

static void repair_begun_again(uv_work_t *work, int status)
{
    struct fy_dump *dump = fy_container_of(work, struct fy_dump, work);
    (void)status;
    dump->working = false;
    if (dump->criu_ended)
        fy_dump_criu_ended(dump);
    else
        answer_kill(dump);
}

static void answer_last(struct fy_dump *dump, bool go_on)
{
    dump->answered = true;
    dump->vetoed = !go_on;
    enter(dump, FY_DUMP_ENDING);
    (void)uv_timer_start(&dump->deadline, end_late, END_MS, 0);
    if (go_on && dump->repair.count > 0 &&
        uv_queue_work(dump->host->loop, &dump->work, begin_repair_again, repair_begun_again) == 0)
        dump->working = true;
    else if (go_on)
        answer_kill(dump);
    else {
        unpin(dump);
        dump->driver->answer(dump, false);
    }
}

void fy_dump_decide(struct fy_dump *dump, enum fy_dump_decision decision)
{
    if (dump->decided || (decision == FY_DECIDE_KILL && dump->phase != FY_DUMP_HELD))
        return;
    dump->decided = true;
    dump->decision = decision;
    if (dump->phase == FY_DUMP_HELD)
        answer_last(dump, decision == FY_DECIDE_KILL);
    else if (dump->phase == FY_DUMP_FREEZING) /* frozen for no purpose: CRIU has little time to come to a stage */
        (void)uv_timer_start(&dump->deadline, end_late, GRACE_MS, 0);
}

bool fy_dump_kill_given(const struct fy_dump *dump)
{
    return dump->answered && !dump->vetoed;
}

/* ---- standing still ---- */

/* In the thread pool. Noted last: a restart that finds the note finds the tasks as they are now. */
static void pin(uv_work_t *work)
{
    struct fy_dump *dump = fy_container_of(work, struct fy_dump, work);
    struct fy_traces traces = {.helpers = dump->helpers, .tasks = dump->frozen, .pinned = true};
    fy_process_tree_signal(&dump->helpers, SIGSTOP);
    fy_error_clear(&dump->work_err);
    if (!fy_process_is_traced(&dump->root))
        fy_error_set(&dump->work_err, FY_E_DUMP, "CRIU does not hold the tasks any more");
    else
        (void)fy_traces_note(dump->host->settings->run_dir, dump->job_id, &traces, &dump->work_err);
}

static void pinned(uv_work_t *work, int status)
{
    struct fy_dump *dump = fy_container_of(work, struct fy_dump, work);
    (void)status;
    dump->working = false;
    bool is_late = dump->phase != FY_DUMP_HELD || dump->criu_ended; /* it has been answered, or has died */
    if (is_late || fy_error_is_set(&dump->work_err))
        unpin(dump);
    if (is_late)
        fy_error_set(&dump->work_err, FY_E_DUMP, "CRIU does not hold the tasks any more");
    dump->events.pinned(dump, fy_error_is_set(&dump->work_err) ? &dump->work_err : NULL, dump->data);
    if (dump->criu_ended)
        fy_dump_criu_ended(dump);
}

int fy_dump_pin(struct fy_dump *dump, struct fy_error *err)
{
    if (dump->phase != FY_DUMP_HELD || dump->working)
        return fy_error_set(err, FY_E_DUMP, "CRIU does not hold the tasks any more");
    dump->pinned = true;
    dump->working = uv_queue_work(dump->host->loop, &dump->work, pin, pinned) == 0;
    return dump->working ? 0 : fy_error_set(err, FY_E_NOMEM, "the thread pool takes no work");
}

int fy_dump_note_pinned(const char *run_dir, const char *job_id, struct fy_error *err)
{
    struct fy_traces traces;
    fy_traces_read(run_dir, job_id, &traces);
    traces.pinned = true;
    int status = fy_traces_note(run_dir, job_id, &traces, err);
    fy_traces_done(&traces);
    return status;
}

bool fy_dump_was_pinned(const char *run_dir, const char *job_id, bool *was_noted)
{
    struct fy_traces traces;
    fy_traces_read(run_dir, job_id, &traces);
    bool was_pinned = traces.pinned;
    *was_noted = traces.tasks.count > 0 || traces.helpers.count > 0;
    fy_traces_done(&traces);
    return was_pinned;
}

/* ---- the deadline ---- */

static void deadline_struck(uv_timer_t *timer)
{
    struct fy_dump *dump = timer->data;
    char text[512], limit[FY_TEXT_SIZE];
    fy_text_duration(dump->host->settings->timeouts.dump_ms * UINT64_C(1000000), limit);
    say_how_far(dump, limit, text, sizeof text);
    fy_error_set(&dump->err, FY_E_TIMEOUT, "the dump was not complete after %s", text);
    fy_error_next(&dump->err, "%s/dump.log says how far CRIU came; raise timeouts.dump in ferryd's configuration",
                  dump->work_dir);
    fy_dump_decide(dump, FY_DECIDE_RESUME);
    if (dump->phase == FY_DUMP_STARTING)
        dump->driver->terminate(dump);
}

/* ---- stages ---- */

/* For a ferryd that comes after us. */
static void note_traces(struct fy_dump *dump)
{
    struct fy_traces traces = {.helpers = dump->helpers, .tasks = dump->frozen};
    (void)fy_traces_note(dump->host->settings->run_dir, dump->job_id, &traces, NULL);
}

static void collect_helpers(struct fy_dump *dump)
{
    pid_t program = dump->driver->program(dump);
    fy_process_tree_done(&dump->helpers);
    if (program > 0)
        (void)fy_process_tree_collect(program, FY_DUMP_PROCESS_LIMIT, &dump->helpers, NULL);
}

/* In the thread pool: reading /proc for a large tree takes longer than the loop may wait. */
static void examine(uv_work_t *work)
{
    struct fy_dump *dump = fy_container_of(work, struct fy_dump, work);
    if (fy_process_tree_collect(dump->root.pid, FY_DUMP_PROCESS_LIMIT, &dump->frozen, &dump->work_err) < 0)
        return;
    note_traces(dump);
    if (fy_locks_note(dump->host->settings->run_dir, dump->job_id, dump->images_dir, &dump->work_err) == 0)
        (void)fy_repair_end(&dump->frozen, &dump->repair, NULL); /* at worst, CRIU must not die */
}

static void examined(uv_work_t *work, int status)
{
    struct fy_dump *dump = fy_container_of(work, struct fy_dump, work);
    (void)status;
    dump->working = false;
    if (dump->criu_ended) {
        fy_dump_criu_ended(dump);
        return;
    }
    (void)uv_timer_stop(&dump->deadline);
    enter(dump, FY_DUMP_HELD);
    fy_error_propagate(&dump->err, &dump->work_err);
    if (fy_error_is_set(&dump->err) && !dump->decided)
        fy_dump_decide(dump, FY_DECIDE_RESUME);
    else if (dump->decided)
        answer_last(dump, false);
    else
        dump->events.held(dump, dump->data);
}

static void post_dump(struct fy_dump *dump)
{
    enter(dump, FY_DUMP_EXAMINING);
    collect_helpers(dump);
    dump->working = uv_queue_work(dump->host->loop, &dump->work, examine, examined) == 0;
    if (!dump->working) {
        fy_error_set(&dump->err, FY_E_NOMEM, "out of memory for looking at the frozen workload");
        answer_last(dump, false);
    }
}

/* Where the kernel shares processors out by sessions (autogroups), a nice value counts only within one, and CRIU's was
 * made for it. */
static void put_session_first(pid_t leader)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%d/autogroup", (int)leader);
    FY_AUTO_CLOSE int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd >= 0)
        (void)dprintf(fd, "%d", CRIU_NICE);
}

/* While CRIU writes, pages are sent: every processor is wanted, and the workload is frozen for as long as CRIU takes.
 * Where ferryd may not, it takes longer. */
static void put_criu_first(const struct fy_dump *dump)
{
    if (dump->criu_group <= 0)
        return;
    (void)setpriority(PRIO_PGRP, (id_t)dump->criu_group, CRIU_NICE);
    put_session_first(dump->criu_group);
}

bool fy_dump_waited(const struct fy_dump *dump, uint64_t *wait_ns)
{
    uint64_t all_ns = 0;
    bool is_known = false;
    if (dump->phase != FY_DUMP_FREEZING)
        return false;
    for (size_t i = 0; i < dump->helpers.count; i++)
        if (fy_process_add_wait(dump->helpers.processes[i].pid, &all_ns))
            is_known = true;
    (void)fy_process_add_wait(dump->root.pid, &all_ns);
    *wait_ns = all_ns;
    return is_known;
}

static void pre_dump(struct fy_dump *dump)
{
    enter(dump, FY_DUMP_FREEZING);
    collect_helpers(dump);
    note_traces(dump);
    put_criu_first(dump);
    dump->events.freezing(dump, dump->data);
    if (dump->decided)
        answer_last(dump, false);
    else
        dump->driver->answer(dump, true);
}

void fy_dump_stage(struct fy_dump *dump, const char *stage)
{
    bool freezing = dump->phase == FY_DUMP_FREEZING;
    if (strcmp(stage, "pre-dump") == 0 && dump->phase == FY_DUMP_STARTING)
        pre_dump(dump);
    else if (freezing && dump->decided && (strcmp(stage, "post-dump") == 0 || strcmp(stage, "network-lock") == 0))
        answer_last(dump, false);
    else if (freezing && strcmp(stage, "post-dump") == 0)
        post_dump(dump);
    else
        dump->driver->answer(dump, true);
}

/* ---- start and end ---- */

void fy_dump_criu_ended(struct fy_dump *dump)
{
    (void)uv_timer_stop(&dump->deadline);
    if (dump->phase != FY_DUMP_ENDING)
        enter(dump, FY_DUMP_ENDING);
    dump->criu_ended = true;
    if (dump->working) /* what works calls again */
        return;
    enter(dump, FY_DUMP_SETTLING);
    dump->driver->settle(dump);
}

static void dump_free(struct fy_dump *dump)
{
    fy_process_tree_done(&dump->frozen);
    fy_process_tree_done(&dump->helpers);
    fy_repair_done(&dump->repair);
    free(dump->job_id);
    free(dump->images_dir);
    free(dump->work_dir);
    free(dump);
}

static void deadline_closed(uv_handle_t *handle)
{
    struct fy_dump *dump = handle->data;
    const struct fy_error *err = fy_error_is_set(&dump->err) ? &dump->err : NULL;
    if (dump->events.done)
        dump->events.done(dump, dump->state, err, dump->data);
    dump_free(dump);
}

void fy_dump_ended(struct fy_dump *dump, enum fy_workload_state state, const struct fy_error *why)
{
    bool as_decided =
        (fy_dump_kill_given(dump) && state == FY_WORKLOAD_GONE) || (dump->vetoed && state == FY_WORKLOAD_RUNNING);
    enter(dump, FY_DUMP_DONE);
    dump->state = state;
    if (!as_decided && why)
        fy_error_propagate(&dump->err, why);
    if (state == FY_WORKLOAD_RUNNING)
        fy_locks_forget(dump->host->settings->run_dir, dump->job_id);
    uv_close((uv_handle_t *)&dump->deadline, deadline_closed);
}

/* A repair that was ended at post-dump by an earlier ferryd is not begun again: the locks hide what follows. */
static void aftermath_known(struct fy_traces *traces, void *data)
{
    struct fy_dump *dump = data;
    dump->frozen = traces->tasks;
    traces->tasks = (struct fy_process_tree){0};
    fy_traces_done(traces);
    if (dump->frozen.count > 0)
        dump->root = dump->frozen.processes[0];
    dump->criu_ended = true;
    enter(dump, FY_DUMP_ENDING);
    enter(dump, FY_DUMP_SETTLING);
    if (dump->looking)
        fy_dump_ended(dump, fy_dump_looks_whole(dump) ? FY_WORKLOAD_RUNNING : FY_WORKLOAD_GONE, NULL);
    else
        dump->driver->settle(dump);
}

static int copy_request(struct fy_dump *dump, const struct fy_dump_request *request, struct fy_error *err)
{
    dump->spec = request->spec;
    dump->job_id = strdup(request->job_id);
    dump->images_dir = strdup(request->images_dir);
    dump->work_dir = strdup(request->work_dir);
    if (!dump->job_id || !dump->images_dir || !dump->work_dir)
        return fy_error_set(err, FY_E_NOMEM, "out of memory for a dump");
    return 0;
}

static void start_failed(uv_handle_t *handle)
{
    dump_free(handle->data);
}

static const struct fy_dump_driver *const drivers[] = {
    [FY_WORKLOAD_PROCESS] = &fy_process_dump_driver,
    [FY_WORKLOAD_RUNC] = &fy_runc_dump_driver,
    [FY_WORKLOAD_PODMAN] = &fy_podman_dump_driver,
};

static struct fy_dump *new_dump(const struct fy_host *host, const struct fy_dump_request *request,
                                const struct fy_dump_events *events, void *data, struct fy_error *err)
{
    const struct fy_dump_driver *driver = drivers[request->spec->workload.kind];
    struct fy_dump *dump = calloc(1, driver->size);
    if (!dump) {
        fy_error_set(err, FY_E_NOMEM, "out of memory for a dump");
        return NULL;
    }
    dump->driver = driver;
    dump->host = host;
    dump->events = *events;
    dump->data = data;
    if (copy_request(dump, request, err) < 0) {
        dump_free(dump);
        return NULL;
    }
    (void)uv_timer_init(host->loop, &dump->deadline);
    dump->deadline.data = dump;
    return dump;
}

int fy_dump_start(const struct fy_host *host, const struct fy_dump_request *request,
                  const struct fy_dump_events *events, void *data, struct fy_dump **dump_out, struct fy_error *err)
{
    struct fy_dump *dump = new_dump(host, request, events, data, err);
    if (!dump)
        return -1;
    if (dump->driver->start(dump, err) < 0) {
        uv_close((uv_handle_t *)&dump->deadline, start_failed);
        return -1;
    }
    (void)uv_timer_start(&dump->deadline, deadline_struck, host->settings->timeouts.dump_ms, 0);
    *dump_out = dump;
    return 0;
}

/* They were made to stand still. When they do not, their CRIU was killed with nobody there to see it, and there is no
 * way back: the others of the group are gone. */
static void note_lost_time(struct fy_dump *dump)
{
    bool was_noted;
    if (!fy_dump_was_pinned(dump->host->settings->run_dir, dump->job_id, &was_noted) || !fy_process_runs(&dump->root) ||
        fy_process_is_traced(&dump->root))
        return;
    fy_error_set(&dump->err, FY_E_INTERRUPTED,
                 "its CRIU was killed together with ferryd, so that it ran on here after its group had been decided "
                 "upon; what it has done since is lost: it goes on from where it was frozen");
    fy_error_next(&dump->err, "find out what its clients were told in between; the others of the group have moved");
}

int fy_dump_take_up(const struct fy_host *host, const struct fy_dump_request *request, enum fy_dump_taking taking,
                    const struct fy_dump_events *events, void *data, struct fy_dump **dump_out, struct fy_error *err)
{
    struct fy_dump *dump = new_dump(host, request, events, data, err);
    if (!dump)
        return -1;
    dump->decided = dump->answered = true;
    dump->vetoed = taking != FY_DUMP_KILL;
    dump->decision = taking == FY_DUMP_KILL ? FY_DECIDE_KILL : FY_DECIDE_RESUME;
    dump->looking = taking == FY_DUMP_LOOK;
    dump->root = (struct fy_process){.pid = request->root_pid, .start_ticks = request->root_start_ticks};
    dump->driver->take_up(dump);
    if (taking == FY_DUMP_KILL)
        note_lost_time(dump);
    if (fy_aftermath_start(host, dump->job_id, taking == FY_DUMP_KILL, AFTERMATH_MS, aftermath_known, dump, err) < 0) {
        uv_close((uv_handle_t *)&dump->deadline, start_failed);
        return -1;
    }
    *dump_out = dump;
    return 0;
}
