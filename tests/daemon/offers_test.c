/* Offers of peers: what becomes a job, what is refused, and what a source that comes back is told. */
#include "scene.h"

#include <ferry/transport/local.h>
#include <string.h>

static struct fy_listener *listener;

static void on_link(struct fy_link *link, uid_t uid, pid_t pid, void *data)
{
    (void)uid;
    (void)pid;
    (void)data;
    fy_jobs_receive(scene.jobs, link);
}

static void ignore_frame(struct fy_link *link, const struct fy_frame *frame, void *data)
{
    (void)link;
    (void)frame;
    (void)data;
}

static void count_closed(struct fy_link *link, const struct fy_error *err, void *data)
{
    (void)link;
    (void)err;
    ++*(size_t *)data;
}

static size_t closed_links;

/* A link arrives; the receiver that serves it. */
static struct fy_receiver *arrive(void)
{
    static const struct fy_link_events events = {.frame = ignore_frame, .closed = count_closed};
    struct fy_error err = FY_ERROR_INIT;
    struct fy_link *link;
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/peer.sock", scene.directory);
    if (!listener) {
        const struct fy_listener_options options = {
            .path = path, .mode = 0600, .owner_uid = (uid_t)-1, .owner_gid = (gid_t)-1, .max_links = 16};
        cr_assert_eq(fy_listener_start(&scene.loop, &options, on_link, NULL, &listener, &err), 0, "%s", err.message);
    }
    played_receiver = NULL;
    cr_assert_eq(fy_local_connect(&scene.loop, path, &events, &closed_links, &link, &err), 0, "%s", err.message);
    RUN_UNTIL(played_receiver);
    return played_receiver;
}

static void begin(void)
{
    scene_begin(2);
}

static void end(void)
{
    if (listener)
        fy_listener_close(listener, NULL, NULL);
    scene_end();
}

TestSuite(offers, .init = begin, .fini = end);

static void expect_refused(struct fy_receiver *receiver, const char *id, const char *workload, enum fy_code code)
{
    struct fy_error err = FY_ERROR_INIT;
    size_t before = fy_jobs_count(scene.jobs);
    cr_assert_eq(played_offer(receiver, id, workload, &err), -1);
    cr_assert_eq(err.code, code, "%s", err.message);
    cr_assert_eq(fy_jobs_count(scene.jobs), before);
    played_receiver_end(receiver, FY_MIGRATION_FAILED);
}

Test(offers, a_ping_is_no_job)
{
    played_receiver_end(arrive(), FY_MIGRATION_FAILED);
    cr_assert_eq(fy_jobs_count(scene.jobs), 0u);
}

Test(offers, hostile_job_ids_are_refused)
{
    expect_refused(arrive(), "../../etc", "runc/web", FY_E_PROTOCOL);
    expect_refused(arrive(), "", "runc/web", FY_E_PROTOCOL);
    expect_refused(arrive(), "m-1234567890123456789012345678901234567890", "runc/web", FY_E_PROTOCOL);
}

Test(offers, a_known_job_or_a_busy_workload_is_refused)
{
    char id[FY_JOB_ID_SIZE];
    scene_migrate("runc/web", id);
    expect_refused(arrive(), "m-other", "runc/web", FY_E_BUSY);
    expect_refused(arrive(), id, "runc/else", FY_E_BUSY);
}

Test(offers, more_than_max_jobs_are_refused)
{
    struct fy_receiver *one = arrive(), *two = arrive();
    cr_assert_eq(played_offer(one, "m-1", "runc/one", NULL), 0);
    cr_assert_eq(played_offer(two, "m-2", "runc/two", NULL), 0);
    expect_refused(arrive(), "m-3", "runc/three", FY_E_LIMIT);
    played_receiver_end(one, FY_MIGRATION_COMPLETED);
    played_receiver_end(two, FY_MIGRATION_COMPLETED);
}

Test(offers, an_accepted_one_becomes_a_job_that_ends)
{
    struct fy_receiver *receiver = arrive();
    cr_assert_eq(played_offer(receiver, "m-1", "runc/web", NULL), 0);
    cr_assert_eq(scene_job("m-1")->role, FERRY__CONTROL__JOB_ROLE__DESTINATION);
    cr_assert_str_eq(scene_job("m-1")->peer, "far");
    cr_assert_eq(fy_jobs_running(scene.jobs), 1u);
    played_receiver_end(receiver, FY_MIGRATION_COMPLETED);
    cr_assert_eq(scene_job("m-1")->state, FERRY__CONTROL__JOB_STATE__COMPLETED);
    cr_assert_eq(fy_jobs_active(scene.jobs), 0u);
    scene_close();
    scene_open();
    cr_assert_eq(scene_job("m-1")->root_pid, 77u);
}

Test(offers, cancel_reaches_the_receiver)
{
    struct fy_receiver *receiver = arrive();
    cr_assert_eq(played_offer(receiver, "m-1", "runc/web", NULL), 0);
    cr_assert_eq(fy_jobs_cancel(scene.jobs, "m-1", "because", NULL), 0);
    cr_assert(receiver->cancelled);
    RUN_UNTIL(fy_jobs_active(scene.jobs) == 0);
    cr_assert_eq(scene_job("m-1")->state, FERRY__CONTROL__JOB_STATE__CANCELLED);
}

static enum fy_job_fate fate_of(const char *id, struct fy_receiver **holder, pid_t *root_pid)
{
    struct fy_receiver *asking = arrive();
    *holder = NULL;
    *root_pid = 0;
    enum fy_job_fate fate = asking->events->fate(id, holder, root_pid, asking->data);
    played_receiver_end(asking, FY_MIGRATION_FAILED);
    return fate;
}

Test(offers, a_source_that_comes_back_is_told_the_truth)
{
    struct fy_receiver *holder, *receiver = arrive(), *second = arrive();
    pid_t root_pid;
    char own[FY_JOB_ID_SIZE];
    scene_migrate("runc/own", own);
    cr_assert_eq(fate_of("m-1", &holder, &root_pid), FY_FATE_UNKNOWN);
    cr_assert_eq(fate_of(own, &holder, &root_pid), FY_FATE_UNKNOWN, "a job that leaves is not one that came");
    cr_assert_eq(played_offer(receiver, "m-1", "runc/web", NULL), 0);
    cr_assert_eq(fate_of("m-1", &holder, &root_pid), FY_FATE_OPEN);
    cr_assert_eq(holder, receiver);
    played_receiver_end(receiver, FY_MIGRATION_COMPLETED);
    cr_assert_eq(fate_of("m-1", &holder, &root_pid), FY_FATE_COMPLETED);
    cr_assert_eq(root_pid, 77);
    cr_assert_eq(played_offer(second, "m-2", "runc/two", NULL), 0);
    played_receiver_end(second, FY_MIGRATION_FAILED);
    cr_assert_eq(fate_of("m-2", &holder, &root_pid), FY_FATE_DISCARDED);
}

Test(offers, after_a_crash_what_the_journal_does_not_have_was_never_prepared)
{
    struct fy_receiver *holder, *receiver = arrive();
    pid_t root_pid;
    cr_assert_eq(played_offer(receiver, "m-1", "runc/web", NULL), 0);
    played_receiver_crash(receiver);
    scene_crash();
    scene_open();
    cr_assert_eq(fate_of("m-1", &holder, &root_pid), FY_FATE_DISCARDED);
}

Test(offers, stopping_hangs_up_on_links_without_an_offer)
{
    struct fy_receiver *quiet = arrive();
    cr_assert_eq(fy_jobs_active(scene.jobs), 1u);
    cr_assert_not(quiet->cancelled);
    scene_close(); /* returns when the link is gone */
    scene_open();
    cr_assert_eq(fy_jobs_active(scene.jobs), 0u);
}
