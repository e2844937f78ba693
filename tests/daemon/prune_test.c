/* What retention says, to a client that takes its time, or goes: decided off the loop, sent in pieces, while schedules
 * and ferryd itself come and go. */
#include "checkpoint_catalogue.h"
#include "scene.h"

#include <ferry/daemon/control_server.h>
#include <ferry/daemon/scheduler.h>
#include <ferry/transport/local.h>
#include <string.h>

#define EACH 100u /* checkpoints of a schedule: more than one piece */
#define TURNS 40u /* until all has been said, and more */

static struct fy_checkpoints checkpoints;
static struct fy_scheduler *scheduler;
static struct fy_listener *listener;
static struct fy_control_server *server;
static char path[100];

static const char plan[] = "version: 1\nschedules:\n"
                           "  - {name: alpha, workloads: [runc/a], every: 24h, keep: {last: 50}}\n"
                           "  - {name: beta, workloads: [runc/b], every: 24h, keep: {last: 1}}\n";

static void add_checkpoint(const char *schedule, unsigned number)
{
    char id[FY_CHECKPOINT_ID_SIZE];
    struct fy_checkpoint *made = calloc(1, sizeof *made);
    (void)snprintf(id, sizeof id, "c-%s-%03u", schedule, number);
    made->record = calloc(1, sizeof *made->record);
    made->state = calloc(1, sizeof *made->state);
    ferry__checkpoint__record__init(made->record);
    ferry__checkpoint__state__init(made->state);
    made->record->id = strdup(id);
    made->record->workload = strdup("runc/web");
    made->record->created_us = INT64_C(1000000) * (number + 1);
    made->record->n_labels = 1;
    made->record->labels = calloc(1, sizeof *made->record->labels);
    made->record->labels[0] = calloc(1, sizeof **made->record->labels);
    ferry__checkpoint__label__init(made->record->labels[0]);
    made->record->labels[0]->key = strdup("schedule");
    made->record->labels[0]->value = strdup(schedule);
    cr_assert_eq(catalogue_set(&checkpoints, id, made, NULL, NULL), 0);
}

static void on_link(struct fy_link *link, uid_t uid, pid_t pid, void *data)
{
    (void)uid;
    (void)pid;
    (void)data;
    fy_control_server_serve(server, link, 0);
}

static void begin(void)
{
    struct fy_error err = FY_ERROR_INIT;
    char database[128];
    scene_begin(4);
    checkpoints = (struct fy_checkpoints){0};
    for (unsigned i = 0; i < EACH; i++) {
        add_checkpoint("alpha", i);
        add_checkpoint("beta", i);
    }
    (void)snprintf(database, sizeof database, "%s/ferry.db", scene.directory);
    const struct fy_scheduler_options scheduling = {.host = &scene.host,
                                                    .jobs = scene.jobs,
                                                    .checkpoints = &checkpoints,
                                                    .database = database,
                                                    .store_dir = scene.directory};
    cr_assert_eq(fy_scheduler_new(&scheduling, &scheduler, &err), 0, "%s", err.message);
    cr_assert_eq(fy_scheduler_add(scheduler, "plan", plan, strlen(plan), &err), 0, "%s", err.message);
    const struct fy_control_options options = {.loop = &scene.loop,
                                               .host = &scene.host,
                                               .ops = &played_ops,
                                               .jobs = scene.jobs,
                                               .checkpoints = &checkpoints,
                                               .scheduler = scheduler};
    cr_assert_eq(fy_control_server_new(&options, &server, &err), 0);
    (void)snprintf(path, sizeof path, "%s/control.sock", scene.directory);
    const struct fy_listener_options listen = {
        .path = path, .mode = 0600, .owner_uid = (uid_t)-1, .owner_gid = (gid_t)-1, .max_links = 4};
    cr_assert_eq(fy_listener_start(&scene.loop, &listen, on_link, NULL, &listener, &err), 0, "%s", err.message);
}

static void set_flag(void *data)
{
    *(bool *)data = true;
}

/* In the order in which ferryd does it: the scheduler is gone before the clients are. */
static void begin_end(bool *closed)
{
    bool gone = false;
    fy_listener_close(listener, NULL, NULL);
    fy_scheduler_close(scheduler, set_flag, &gone);
    fy_control_server_close(server, set_flag, closed);
    RUN_UNTIL(gone);
}

static void end_scene(void)
{
    while (fy_checkpoints_count(&checkpoints))
        catalogue_drop(&checkpoints, checkpoints.by_id[0]->id);
    free(checkpoints.list);
    free(checkpoints.by_id);
    scene_close();
    scene_end();
}

static void end(void)
{
    bool closed = false;
    begin_end(&closed);
    RUN_UNTIL(closed);
    end_scene();
}

TestSuite(prune, .init = begin, .fini = end);

/* ---- a client ---- */

struct tester {
    struct fy_link *link;
    bool last, closed;
    size_t verdicts, removed;
    char schedule[16], order[256]; /* "alpha beta " */
};

static void take_verdict(struct tester *tester, const Ferry__Control__PruneVerdict *verdict)
{
    char expected[FY_CHECKPOINT_ID_SIZE];
    if (strcmp(tester->schedule, verdict->schedule) != 0) {
        (void)snprintf(tester->schedule, sizeof tester->schedule, "%s", verdict->schedule);
        (void)strcat(strcat(tester->order, verdict->schedule), " ");
    }
    (void)snprintf(expected, sizeof expected, "c-%s-%03u", verdict->schedule, (unsigned)(tester->verdicts % EACH));
    cr_expect_str_eq(verdict->checkpoint, expected, "the oldest first");
    tester->verdicts++;
    tester->removed += verdict->remove ? 1 : 0;
}

static void on_frame(struct fy_link *link, const struct fy_frame *frame, void *data)
{
    struct tester *tester = data;
    (void)link;
    Ferry__Control__Reply *reply =
        (Ferry__Control__Reply *)fy_frame_unpack_head(frame, &ferry__control__reply__descriptor, NULL);
    cr_assert_not_null(reply);
    cr_expect_neq(reply->kind_case, FERRY__CONTROL__REPLY__KIND_FAILURE);
    if (reply->kind_case == FERRY__CONTROL__REPLY__KIND_PRUNE)
        take_verdict(tester, reply->prune);
    tester->last = reply->has_last && reply->last;
    protobuf_c_message_free_unpacked(&reply->base, NULL);
}

static void on_closed(struct fy_link *link, const struct fy_error *err, void *data)
{
    (void)link;
    (void)err;
    ((struct tester *)data)->closed = true;
}

static void ask(struct tester *tester, const char *schedule)
{
    static const struct fy_link_events events = {.frame = on_frame, .closed = on_closed};
    struct fy_error err = FY_ERROR_INIT;
    Ferry__Control__Request request = FERRY__CONTROL__REQUEST__INIT;
    Ferry__Control__CheckpointPrune prune = FERRY__CONTROL__CHECKPOINT_PRUNE__INIT;
    *tester = (struct tester){0};
    cr_assert_eq(fy_local_connect(&scene.loop, path, &events, tester, &tester->link, &err), 0, "%s", err.message);
    prune.schedule = (char *)(uintptr_t)schedule;
    prune.has_dry_run = prune.dry_run = 1;
    request.version = 1;
    request.kind_case = FERRY__CONTROL__REQUEST__KIND_CHECKPOINT_PRUNE;
    request.checkpoint_prune = &prune;
    cr_assert_eq(fy_link_send(tester->link, &request.base, NULL, 0, &err), 0, "%s", err.message);
}

static void leave(struct tester *tester)
{
    if (!tester->closed)
        fy_link_close(tester->link);
    RUN_UNTIL(tester->closed);
}

/* As long as there is something to come. */
static void turn(const struct tester *tester, unsigned times)
{
    while (times-- && !tester->last)
        (void)uv_run(&scene.loop, UV_RUN_ONCE);
}

/* ---- tests ---- */

Test(prune, every_verdict_of_every_schedule_comes_once)
{
    struct tester tester;
    ask(&tester, NULL);
    RUN_UNTIL(tester.last);
    cr_expect_eq(tester.verdicts, 2 * EACH);
    cr_expect_eq(tester.removed, 50 + 99u);
    cr_expect_str_eq(tester.order, "alpha beta ");
    leave(&tester);
    ask(&tester, "alpha");
    RUN_UNTIL(tester.last);
    cr_expect_str_eq(tester.order, "alpha ");
    cr_expect_eq(tester.verdicts, EACH);
    leave(&tester);
}

static void take_judgement(struct fy_judgement *judgement, const struct fy_error *err, void *data)
{
    cr_assert_null(err);
    cr_expect_eq(judgement->count, EACH);
    fy_judgement_free(judgement);
    *(bool *)data = true;
}

Test(prune, a_schedule_that_is_judged_stays_as_it_is)
{
    struct fy_error err = FY_ERROR_INIT;
    bool judged = false;
    cr_assert_eq(fy_scheduler_judge(scheduler, 1, take_judgement, &judged, &err), 0, "%s", err.message);
    cr_expect_eq(fy_scheduler_add(scheduler, "plan", plan, strlen(plan), &err), -1);
    cr_expect_eq(err.code, FY_E_BUSY, "%s", err.message);
    cr_expect_eq(fy_scheduler_remove(scheduler, 1, NULL), -1);
    cr_expect_eq(fy_scheduler_remove(scheduler, 0, NULL), 0, "the other one");
    RUN_UNTIL(judged);
    cr_expect_eq(fy_scheduler_remove(scheduler, 0, NULL), 0);
}

/* The next schedule goes at once, and the one whose verdicts are awaited as soon as it may. */
Test(prune, a_schedule_that_goes_meanwhile_is_not_waited_for)
{
    struct tester tester;
    struct fy_error err = FY_ERROR_INIT;
    ask(&tester, NULL);
    cr_assert_eq(fy_scheduler_remove(scheduler, 1, &err), 0, "%s", err.message);
    RUN_UNTIL(tester.verdicts > 0);
    cr_assert_eq(fy_scheduler_remove(scheduler, 0, &err), 0, "%s", err.message);
    RUN_UNTIL(tester.last);
    cr_expect_eq(tester.verdicts, EACH);
    leave(&tester);
}

Test(prune, a_client_may_go_after_any_turn)
{
    for (unsigned turns = 0; turns < TURNS; turns++) {
        struct tester tester;
        ask(&tester, NULL);
        turn(&tester, turns);
        leave(&tester);
    }
}

Test(prune, no_schedule_no_verdict)
{
    struct tester tester;
    while (fy_scheduler_count(scheduler))
        cr_assert_eq(fy_scheduler_remove(scheduler, 0, NULL), 0);
    ask(&tester, NULL);
    RUN_UNTIL(tester.last);
    cr_expect_eq(tester.verdicts, 0u);
    leave(&tester);
}

Test(prune, ferryd_may_end_after_any_turn)
{
    for (unsigned turns = 0; turns < TURNS; turns++) {
        struct tester tester;
        bool closed = false;
        ask(&tester, NULL);
        turn(&tester, turns);
        fy_link_pause(tester.link); /* it is there when its next piece is due */
        begin_end(&closed);
        (void)usleep(2000);
        turn(&tester, 2);
        leave(&tester);
        RUN_UNTIL(closed);
        end_scene();
        begin();
    }
}
