/* The control server against clients that behave, that are slow, that vanish, and that talk nonsense. */
#include "scene.h"

#include <errno.h>
#include <fcntl.h>
#include <ferry/daemon/control_server.h>
#include <ferry/transport/local.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

static struct fy_listener *listener;
static struct fy_control_server *server;
static char path[100];

/* A client of the test. */
struct tester {
    struct fy_link *link;
    size_t replies, jobs, log_bytes;
    bool last, closed;
    char failure[64], failure_text[256];
    Ferry__Control__JobState states[64];
    bool seen[16]; /* by state */
    char names[256];
};

static void on_link(struct fy_link *link, uid_t uid, pid_t pid, void *data)
{
    (void)uid;
    (void)pid;
    (void)data;
    fy_control_server_serve(server, link, 0);
}

static void publish(struct fy_record *record, bool step, void *data)
{
    (void)data;
    fy_control_server_publish(server, record, step);
}

static void begin(void)
{
    struct fy_error err = FY_ERROR_INIT;
    scene_begin(4);
    const struct fy_control_options options = {
        .loop = &scene.loop, .host = &scene.host, .ops = &played_ops, .jobs = scene.jobs};
    cr_assert_eq(fy_control_server_new(&options, &server, &err), 0);
    scene.publish = publish;
    (void)snprintf(path, sizeof(path), "%s/control.sock", scene.directory);
    const struct fy_listener_options listen = {
        .path = path, .mode = 0600, .owner_uid = (uid_t)-1, .owner_gid = (gid_t)-1, .max_links = 64};
    cr_assert_eq(fy_listener_start(&scene.loop, &listen, on_link, NULL, &listener, &err), 0, "%s", err.message);
}

static void set_flag(void *data)
{
    *(bool *)data = true;
}

static void end(void)
{
    bool closed = false;
    bool idle = false;
    fy_listener_close(listener, NULL, NULL);
    fy_jobs_stop(scene.jobs, "the test ends", set_flag, &idle);
    RUN_UNTIL(idle);
    scene.publish = NULL;
    fy_control_server_close(server, set_flag, &closed);
    RUN_UNTIL(closed);
    closed = false;
    fy_store_close(scene.store, set_flag, &closed);
    RUN_UNTIL(closed);
    fy_jobs_free(scene.jobs);
    scene.jobs = NULL;
    scene_end();
}

TestSuite(control, .init = begin, .fini = end);

/* ---- a client ---- */

static void take_job(struct tester *tester, const Ferry__Control__Job *job)
{
    if (tester->jobs < 64)
        tester->states[tester->jobs] = job->state;
    tester->seen[job->state] = true;
    tester->jobs++;
}

static void on_frame(struct fy_link *link, const struct fy_frame *frame, void *data)
{
    (void)link;
    struct tester *tester = data;
    struct fy_error err = FY_ERROR_INIT;
    Ferry__Control__Reply *reply =
        (Ferry__Control__Reply *)fy_frame_unpack_head(frame, &ferry__control__reply__descriptor, &err);
    cr_assert_not_null(reply, "%s", err.message);
    tester->replies++;
    tester->last = reply->has_last && reply->last;
    if (reply->kind_case == FERRY__CONTROL__REPLY__KIND_JOB)
        take_job(tester, reply->job);
    if (reply->kind_case == FERRY__CONTROL__REPLY__KIND_LOG) {
        tester->log_bytes += frame->body_bytes;
        (void)snprintf(tester->names, sizeof(tester->names), "%s", reply->log->name);
    }
    if (reply->kind_case == FERRY__CONTROL__REPLY__KIND_FAILURE) {
        (void)snprintf(tester->failure, sizeof(tester->failure), "%s", reply->failure->code);
        (void)snprintf(tester->failure_text, sizeof(tester->failure_text), "%s", reply->failure->message);
    }
    protobuf_c_message_free_unpacked(&reply->base, NULL);
}

static void on_closed(struct fy_link *link, const struct fy_error *err, void *data)
{
    (void)link;
    (void)err;
    ((struct tester *)data)->closed = true;
}

static void join(struct tester *tester)
{
    static const struct fy_link_events events = {.frame = on_frame, .closed = on_closed};
    struct fy_error err = FY_ERROR_INIT;
    *tester = (struct tester){0};
    cr_assert_eq(fy_local_connect(&scene.loop, path, &events, tester, &tester->link, &err), 0, "%s", err.message);
}

static void leave(struct tester *tester)
{
    if (!tester->closed)
        fy_link_close(tester->link);
    RUN_UNTIL(tester->closed);
}

static void ask_raw(struct tester *tester, Ferry__Control__Request *request)
{
    struct fy_error err = FY_ERROR_INIT;
    tester->last = false;
    tester->failure[0] = '\0';
    cr_assert_eq(fy_link_send(tester->link, &request->base, NULL, 0, &err), 0, "%s", err.message);
}

static Ferry__Control__Nothing nothing = FERRY__CONTROL__NOTHING__INIT;

static void ask_job(struct tester *tester, Ferry__Control__Request__KindCase kind, const char *id)
{
    Ferry__Control__Request request = FERRY__CONTROL__REQUEST__INIT;
    Ferry__Control__JobRef ref = FERRY__CONTROL__JOB_REF__INIT;
    ref.job = (char *)id;
    request.version = 1;
    request.kind_case = kind;
    request.job_show = &ref;
    ask_raw(tester, &request);
}

static void ask_simple(struct tester *tester, Ferry__Control__Request__KindCase kind)
{
    Ferry__Control__Request request = FERRY__CONTROL__REQUEST__INIT;
    request.version = 1;
    request.kind_case = kind;
    request.status = &nothing;
    ask_raw(tester, &request);
}

static void ask_migrate(struct tester *tester, const char *workload, const char *to)
{
    Ferry__Control__Request request = FERRY__CONTROL__REQUEST__INIT;
    Ferry__Control__Migrate migrate = FERRY__CONTROL__MIGRATE__INIT;
    migrate.workload = (char *)workload;
    migrate.to = (char *)to;
    request.version = 1;
    request.kind_case = FERRY__CONTROL__REQUEST__KIND_MIGRATE;
    request.migrate = &migrate;
    ask_raw(tester, &request);
}

static int connect_raw(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    cr_assert_eq(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    cr_assert_eq(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    return fd;
}

/* What comes until the server hangs up. */
static size_t read_to_end(int fd, uint8_t *data, size_t size)
{
    size_t got = 0;
    for (;;) {
        (void)uv_run(&scene.loop, UV_RUN_NOWAIT);
        ssize_t n = read(fd, data + got, size - got);
        if (n == 0 || (n < 0 && errno == ECONNRESET))
            return got;
        if (n > 0)
            got += (size_t)n;
    }
}

/* ---- nonsense ---- */

static void expect_failure_frame(const uint8_t *data, size_t size, const char *code)
{
    struct fy_frame frame;
    struct fy_error err = FY_ERROR_INIT;
    cr_assert_gt(fy_frame_parse(data, size, &frame, &err), 0);
    Ferry__Control__Reply *reply =
        (Ferry__Control__Reply *)fy_frame_unpack_head(&frame, &ferry__control__reply__descriptor, &err);
    cr_assert_not_null(reply);
    cr_assert_eq(reply->kind_case, FERRY__CONTROL__REPLY__KIND_FAILURE);
    cr_assert_str_eq(reply->failure->code, code, "%s", reply->failure->message);
    protobuf_c_message_free_unpacked(&reply->base, NULL);
}

Test(control, a_head_that_is_no_message_gets_a_typed_failure_and_the_end)
{
    static const uint8_t garbage[] = {4, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff};
    uint8_t answer[4096];
    int fd = connect_raw();
    cr_assert_eq(write(fd, garbage, sizeof(garbage)), (ssize_t)sizeof(garbage));
    size_t got = read_to_end(fd, answer, sizeof(answer));
    expect_failure_frame(answer, got, "protocol");
    (void)close(fd);
}

Test(control, an_oversized_frame_is_answered_and_ends_only_its_own_connection)
{
    static const uint8_t huge[] = {0xff, 0xff, 0xff, 0x7f, 0, 0, 0, 0, 1, 2, 3};
    uint8_t answer[4096];
    struct tester other;
    join(&other);
    int fd = connect_raw();
    cr_assert_eq(write(fd, huge, sizeof(huge)), (ssize_t)sizeof(huge));
    size_t got = read_to_end(fd, answer, sizeof(answer));
    expect_failure_frame(answer, got, "protocol");
    (void)close(fd);
    ask_simple(&other, FERRY__CONTROL__REQUEST__KIND_STATUS);
    RUN_UNTIL(other.last);
    leave(&other);
}

Test(control, unknown_requests_and_versions_get_typed_failures)
{
    struct tester tester;
    Ferry__Control__Request request = FERRY__CONTROL__REQUEST__INIT;
    join(&tester);
    request.version = 1;
    ask_raw(&tester, &request);
    RUN_UNTIL(tester.last);
    cr_assert_str_eq(tester.failure, "unsupported");
    request.version = 2;
    request.kind_case = FERRY__CONTROL__REQUEST__KIND_STATUS;
    request.status = &nothing;
    ask_raw(&tester, &request);
    RUN_UNTIL(tester.last);
    cr_assert_str_eq(tester.failure, "unsupported");
    ask_simple(&tester, FERRY__CONTROL__REQUEST__KIND_STATUS);
    RUN_UNTIL(tester.last);
    cr_assert_str_empty(tester.failure, "the connection goes on after a failure");
    leave(&tester);
}

Test(control, a_second_request_before_the_answer_is_refused)
{
    struct tester tester;
    join(&tester);
    ask_migrate(&tester, "runc/web", "far");
    ask_simple(&tester, FERRY__CONTROL__REQUEST__KIND_STATUS);
    RUN_UNTIL(tester.closed);
    cr_assert_str_eq(tester.failure, "protocol");
    RUN_UNTIL(played_find("runc/web"));
}

Test(control, wrong_words_get_typed_failures)
{
    char long_name[300];
    struct tester tester;
    memset(long_name, 'x', sizeof(long_name));
    long_name[sizeof(long_name) - 1] = '\0';
    join(&tester);
    static const struct {
        const char *workload, *to, *code;
    } cases[] = {{"web", "far", "usage"},
                 {"runc/../x", "far", "usage"},
                 {"runc/web", "", "usage"},
                 {"runc/web", "nowhere", "not-found"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ask_migrate(&tester, cases[i].workload, cases[i].to);
        RUN_UNTIL(tester.last);
        cr_assert_str_eq(tester.failure, cases[i].code, "%s: %s", cases[i].workload, tester.failure_text);
    }
    ask_migrate(&tester, "runc/web", long_name);
    RUN_UNTIL(tester.last);
    cr_assert_str_eq(tester.failure, "usage");
    ask_job(&tester, FERRY__CONTROL__REQUEST__KIND_JOB_SHOW, "m-nothing");
    RUN_UNTIL(tester.last);
    cr_assert_str_eq(tester.failure, "not-found");
    leave(&tester);
    cr_assert_eq(fy_jobs_count(scene.jobs), 0u);
}

/* ---- watching ---- */

Test(control, migrate_streams_every_state_to_all_who_watch)
{
    struct tester starter, watcher;
    char id[FY_JOB_ID_SIZE];
    join(&starter);
    join(&watcher);
    ask_migrate(&starter, "runc/web", "far");
    RUN_UNTIL(played_find("runc/web"));
    (void)snprintf(id, sizeof(id), "%s", fy_jobs_at(scene.jobs, 0)->job->id);
    ask_job(&watcher, FERRY__CONTROL__REQUEST__KIND_JOB_WATCH, id);
    RUN_UNTIL(watcher.jobs == 1);
    played_phase(played_find("runc/web"), FY_MIGRATION_ACTIVE, "dump");
    played_phase(played_find("runc/web"), FY_MIGRATION_DEVICE, "switchover");
    played_end(played_find("runc/web"), FY_MIGRATION_COMPLETED, FY_OK);
    RUN_UNTIL(starter.last && watcher.last);
    cr_assert_eq(starter.states[0], FERRY__CONTROL__JOB_STATE__QUEUED);
    cr_assert_eq(starter.states[starter.jobs - 1], FERRY__CONTROL__JOB_STATE__COMPLETED);
    cr_assert_eq(starter.jobs, 4u);
    ask_job(&watcher, FERRY__CONTROL__REQUEST__KIND_JOB_WATCH, id);
    RUN_UNTIL(watcher.last);
    leave(&starter);
    leave(&watcher);
}

Test(control, a_watcher_that_vanishes_harms_neither_the_job_nor_others)
{
    struct tester gone, stays;
    join(&gone);
    join(&stays);
    ask_migrate(&gone, "runc/web", "far");
    RUN_UNTIL(played_find("runc/web"));
    ask_job(&stays, FERRY__CONTROL__REQUEST__KIND_JOB_WATCH, fy_jobs_at(scene.jobs, 0)->job->id);
    RUN_UNTIL(stays.jobs == 1);
    leave(&gone);
    played_phase(played_find("runc/web"), FY_MIGRATION_ACTIVE, "dump");
    played_end(played_find("runc/web"), FY_MIGRATION_COMPLETED, FY_OK);
    RUN_UNTIL(stays.last);
    leave(&stays);
}

#define MANY_EVENTS 20000

Test(control, a_slow_watcher_misses_progress_but_no_state_and_costs_little)
{
    struct tester slow;
    join(&slow);
    ask_migrate(&slow, "runc/web", "far");
    RUN_UNTIL(slow.jobs == 1 && played_find("runc/web"));
    fy_link_pause(slow.link);
    struct played_migration *migration = played_find("runc/web");
    played_phase(migration, FY_MIGRATION_ACTIVE, "dump");
    for (uint64_t i = 1; i <= MANY_EVENTS; i++) {
        played_progress(migration, i);
        if (i == MANY_EVENTS / 2)
            played_phase(migration, FY_MIGRATION_PRE_SWITCHOVER, "restore");
        if (i % 100 == 0)
            (void)uv_run(&scene.loop, UV_RUN_NOWAIT);
    }
    played_phase(migration, FY_MIGRATION_DEVICE, "switchover");
    played_end(migration, FY_MIGRATION_COMPLETED, FY_OK);
    fy_link_resume(slow.link);
    RUN_UNTIL(slow.last);
    cr_assert_lt(slow.jobs, (size_t)MANY_EVENTS / 2, "%zu events", slow.jobs);
    cr_assert(slow.seen[FERRY__CONTROL__JOB_STATE__ACTIVE]);
    cr_assert(slow.seen[FERRY__CONTROL__JOB_STATE__PRE_SWITCHOVER]);
    cr_assert(slow.seen[FERRY__CONTROL__JOB_STATE__DEVICE]);
    cr_assert(slow.seen[FERRY__CONTROL__JOB_STATE__COMPLETED]);
    leave(&slow);
}

Test(control, cancel_over_another_connection_ends_the_first_ones_stream)
{
    struct tester starter, canceller;
    join(&starter);
    join(&canceller);
    ask_migrate(&starter, "runc/web", "far");
    RUN_UNTIL(played_find("runc/web"));
    ask_job(&canceller, FERRY__CONTROL__REQUEST__KIND_JOB_CANCEL, fy_jobs_at(scene.jobs, 0)->job->id);
    RUN_UNTIL(canceller.last && starter.last);
    cr_assert_str_empty(canceller.failure);
    cr_assert_eq(starter.states[starter.jobs - 1], FERRY__CONTROL__JOB_STATE__CANCELLED);
    leave(&starter);
    leave(&canceller);
}

/* ---- plans ---- */

static void ask_plan(struct tester *tester, const char *text)
{
    Ferry__Control__Request request = FERRY__CONTROL__REQUEST__INIT;
    Ferry__Control__PlanRun run = FERRY__CONTROL__PLAN_RUN__INIT;
    run.file_name = (char *)"p.yaml";
    run.text = (ProtobufCBinaryData){.len = strlen(text), .data = (uint8_t *)text};
    request.version = 1;
    request.kind_case = FERRY__CONTROL__REQUEST__KIND_PLAN_RUN;
    request.plan_run = &run;
    ask_raw(tester, &request);
}

Test(control, a_plans_stream_ends_with_its_last_job)
{
    struct tester tester;
    join(&tester);
    ask_plan(&tester, "version: 1\nmigrations:\n- {workload: runc/one, to: far}\n- {workload: runc/two, to: far}\n");
    RUN_UNTIL(played_find("runc/one"));
    played_end(played_find("runc/one"), FY_MIGRATION_COMPLETED, FY_OK);
    RUN_UNTIL(played_find("runc/two"));
    cr_assert_not(tester.last);
    played_end(played_find("runc/two"), FY_MIGRATION_COMPLETED, FY_OK);
    RUN_UNTIL(tester.last);
    cr_assert_str_empty(tester.failure);
    ask_plan(&tester, "version: 1\nmigrations:\n- {workload: runc/one, too: far}\n");
    RUN_UNTIL(tester.last);
    cr_assert_str_eq(tester.failure, "config");
    cr_assert_not_null(strstr(tester.failure_text, "p.yaml:3:"), "%s", tester.failure_text);
    leave(&tester);
}

/* ---- logs ---- */

static void write_log(const char *directory, const char *name, size_t size)
{
    char file_path[512], line[1024];
    (void)snprintf(file_path, sizeof(file_path), "%s/%s", directory, name);
    FILE *file = fopen(file_path, "w");
    cr_assert_not_null(file);
    memset(line, 'l', sizeof(line));
    for (size_t i = 0; i < size; i += sizeof(line))
        cr_assert_eq(fwrite(line, 1, sizeof(line), file), sizeof(line));
    cr_assert_eq(fclose(file), 0);
}

Test(control, logs_come_whole_also_to_a_slow_client_and_none_is_a_failure)
{
    struct tester tester;
    char id[FY_JOB_ID_SIZE];
    scene_migrate("runc/web", id);
    join(&tester);
    ask_job(&tester, FERRY__CONTROL__REQUEST__KIND_JOB_LOG, id);
    RUN_UNTIL(tester.last);
    cr_assert_str_eq(tester.failure, "not-found");
    write_log(scene_job(id)->log_dir, "dump.log", 20u << 20);
    write_log(scene_job(id)->log_dir, "runc.log", 4096);
    fy_link_pause(tester.link);
    ask_job(&tester, FERRY__CONTROL__REQUEST__KIND_JOB_LOG, id);
    for (int i = 0; i < 200; i++) { /* nothing more may happen once the link is full */
        (void)uv_run(&scene.loop, UV_RUN_NOWAIT);
        (void)usleep(1000);
    }
    fy_link_resume(tester.link);
    RUN_UNTIL(tester.last);
    cr_assert_eq(tester.log_bytes, (20u << 20) + 4096u);
    cr_assert_str_eq(tester.names, "runc.log");
    leave(&tester);
}

Test(control, a_client_that_vanishes_in_the_middle_of_a_log_harms_nothing)
{
    struct tester tester;
    char id[FY_JOB_ID_SIZE];
    scene_migrate("runc/web", id);
    write_log(scene_job(id)->log_dir, "dump.log", 20u << 20);
    join(&tester);
    ask_job(&tester, FERRY__CONTROL__REQUEST__KIND_JOB_LOG, id);
    RUN_UNTIL(tester.log_bytes > 0);
    leave(&tester);
}

Test(control, a_peer_that_is_away_is_a_failure_of_the_request_only)
{
    struct tester tester;
    Ferry__Control__Request request = FERRY__CONTROL__REQUEST__INIT;
    Ferry__Control__PeerRef ref = FERRY__CONTROL__PEER_REF__INIT;
    join(&tester);
    ref.peer = (char *)"far";
    request.version = 1;
    request.kind_case = FERRY__CONTROL__REQUEST__KIND_PEER_CHECK;
    request.peer_check = &ref;
    ask_raw(&tester, &request);
    RUN_UNTIL(tester.last);
    cr_assert_str_eq(tester.failure, "unreachable");
    ask_simple(&tester, FERRY__CONTROL__REQUEST__KIND_PEER_LIST);
    RUN_UNTIL(tester.last);
    cr_assert_str_empty(tester.failure);
    leave(&tester);
}
