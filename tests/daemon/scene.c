/* Setting the scene, and clearing it away. */
#include "scene.h"

#include <ferry/base/fs.h>
#include <signal.h>
#include <string.h>

struct scene scene;

static void on_changed(struct fy_record *record, bool step, void *data)
{
    (void)data;
    scene.changes++;
    scene.steps += step;
    if (scene.publish)
        scene.publish(record, step, scene.publish_data);
}

static void on_store_failed(const char *id, const struct fy_error *err, void *data)
{
    (void)id;
    (void)err;
    (void)data;
    scene.store_failures++;
}

void scene_begin(uint32_t max_jobs)
{
    scene = (struct scene){.directory = "/dev/shm/ferry-test-XXXXXX"};
    played = (struct played_agent){0};
    (void)signal(SIGPIPE, SIG_IGN); /* as ferryd does: a client may go away in the middle of an answer */
    cr_assert_not_null(mkdtemp(scene.directory));
    cr_assert_eq(uv_loop_init(&scene.loop), 0);
    scene.peer = (struct fy_peer_settings){.name = "far", .host = "127.0.0.1", .port = 22, .user = "ferry"};
    scene.settings = (struct fy_settings){
        .name = "near", .max_jobs = max_jobs, .peers = &scene.peer, .peer_count = 1, .state_dir = scene.directory};
    scene.host = (struct fy_host){.loop = &scene.loop, .settings = &scene.settings};
    scene_open();
}

void scene_open(void)
{
    struct fy_error err = FY_ERROR_INIT;
    cr_assert_eq(fy_store_open(&scene.loop, scene.directory, on_store_failed, NULL, &scene.store, &err), 0, "%s",
                 err.message);
    const struct fy_jobs_options options = {
        .loop = &scene.loop, .host = &scene.host, .ops = &played_ops, .store = scene.store, .changed = on_changed};
    cr_assert_eq(fy_jobs_new(&options, &scene.jobs, &err), 0, "%s", err.message);
}

static void set_flag(void *data)
{
    *(bool *)data = true;
}

void scene_close(void)
{
    bool idle = false, closed = false;
    fy_jobs_stop(scene.jobs, "the test ends", set_flag, &idle);
    RUN_UNTIL(idle);
    fy_store_close(scene.store, set_flag, &closed);
    RUN_UNTIL(closed);
    fy_jobs_free(scene.jobs);
    scene.jobs = NULL;
}

void scene_crash(void)
{
    bool closed = false;
    fy_store_close(scene.store, set_flag, &closed);
    RUN_UNTIL(closed);
    fy_jobs_free(scene.jobs);
    scene.jobs = NULL;
    played = (struct played_agent){0};
}

void scene_end(void)
{
    if (scene.jobs)
        scene_close();
    (void)uv_run(&scene.loop, UV_RUN_DEFAULT);
    cr_assert_eq(uv_loop_close(&scene.loop), 0);
    cr_assert_eq(fy_fs_remove_tree(scene.directory, NULL), 0);
}

struct fy_migration_spec scene_spec(const char *workload)
{
    struct fy_migration_spec spec;
    struct fy_error err = FY_ERROR_INIT;
    fy_migration_spec_init(&spec);
    cr_assert_eq(fy_workload_parse(workload, &spec.workload, &err), 0, "%s", err.message);
    (void)snprintf(spec.peer, sizeof(spec.peer), "far");
    return spec;
}

void scene_migrate(const char *workload, char id[FY_JOB_ID_SIZE])
{
    struct fy_migration_spec spec = scene_spec(workload);
    struct fy_record *record = NULL;
    struct fy_error err = FY_ERROR_INIT;
    cr_assert_eq(fy_jobs_migrate(scene.jobs, &spec, false, &record, &err), 0, "%s", err.message);
    (void)snprintf(id, FY_JOB_ID_SIZE, "%s", record->job->id);
    fy_record_unref(record);
}

const Ferry__Control__Job *scene_job(const char *id)
{
    struct fy_record *record = NULL;
    struct fy_error err = FY_ERROR_INIT;
    cr_assert_eq(fy_jobs_find(scene.jobs, id, &record, &err), 0, "%s", err.message);
    return record->job;
}

static void on_written(const struct fy_error *err, void *data)
{
    cr_assert_null(err);
    *(bool *)data = true;
}

void scene_write_stage(const char *id, enum fy_stage stage)
{
    uint8_t details[] = {1, 2, 3};
    bool written = false;
    struct fy_error err = FY_ERROR_INIT;
    struct fy_journal_entry entry = {.is_source = true, .stage = stage, .details = details, .details_bytes = 3};
    struct fy_journal *journal = fy_store_journal(scene.store);
    (void)snprintf(entry.job, sizeof(entry.job), "%s", id);
    cr_assert_eq(journal->write(journal, &entry, on_written, &written, &err), 0, "%s", err.message);
    RUN_UNTIL(written);
}
