/* The job table: what is refused, what waits, what happens to the others when one fails, what a restart leaves. */
#include "scene.h"

#include <string.h>
#include <sys/stat.h>

static void begin(void)
{
    scene_begin(2);
}

TestSuite(jobs, .init = begin, .fini = scene_end);

static int try_migrate(const char *workload, const char *peer, struct fy_error *err)
{
    struct fy_migration_spec spec = scene_spec(workload);
    struct fy_record *record = NULL;
    (void)snprintf(spec.peer, sizeof(spec.peer), "%s", peer);
    int result = fy_jobs_migrate(scene.jobs, &spec, false, &record, err);
    fy_record_unref(record);
    return result;
}

Test(jobs, unknown_peer_is_refused_with_the_nearest_name)
{
    struct fy_error err = FY_ERROR_INIT;
    cr_assert_eq(try_migrate("runc/web", "fat", &err), -1);
    cr_assert_eq(err.code, FY_E_NOT_FOUND);
    cr_assert_not_null(strstr(err.next, "far"), "%s", err.next);
    cr_assert_eq(fy_jobs_count(scene.jobs), 0u);
}

Test(jobs, a_workload_has_one_unfinished_job)
{
    struct fy_error err = FY_ERROR_INIT;
    char id[FY_JOB_ID_SIZE];
    scene_migrate("runc/web", id);
    cr_assert_eq(try_migrate("runc/web", "far", &err), -1);
    cr_assert_eq(err.code, FY_E_BUSY);
    cr_assert_not_null(strstr(err.message, id), "%s", err.message);
    RUN_UNTIL(played_find("runc/web"));
    played_end(played_find("runc/web"), FY_MIGRATION_COMPLETED, FY_OK);
    cr_assert_eq(try_migrate("runc/web", "far", &err), 0);
}

Test(jobs, starts_after_it_is_recorded_and_only_max_jobs_at_once)
{
    char first[FY_JOB_ID_SIZE], second[FY_JOB_ID_SIZE], third[FY_JOB_ID_SIZE];
    scene_migrate("runc/one", first);
    cr_assert_null(played_find("runc/one"), "not before it is on disk");
    scene_migrate("runc/two", second);
    scene_migrate("runc/three", third);
    RUN_UNTIL(played_find("runc/two"));
    cr_assert_null(played_find("runc/three"));
    cr_assert_eq(fy_jobs_running(scene.jobs), 2u);
    cr_assert_eq(fy_jobs_queued(scene.jobs), 1u);
    played_end(played_find("runc/one"), FY_MIGRATION_COMPLETED, FY_OK);
    RUN_UNTIL(played_find("runc/three"));
    cr_assert_str_neq(first, second);
}

Test(jobs, a_start_that_fails_ends_the_job_with_its_cause)
{
    char id[FY_JOB_ID_SIZE];
    fy_error_set(&played.fail_start, FY_E_UNSUPPORTED, "no CRIU here");
    scene_migrate("runc/one", id);
    RUN_UNTIL(fy_jobs_active(scene.jobs) == 0);
    const Ferry__Control__Job *job = scene_job(id);
    cr_assert_eq(job->state, FERRY__CONTROL__JOB_STATE__FAILED);
    cr_assert_str_eq(job->failure->code, "unsupported");
    cr_assert_str_eq(job->workload_state, "not touched");
}

Test(jobs, reports_become_records_and_the_logs_are_listed_at_the_end)
{
    char id[FY_JOB_ID_SIZE], path[512];
    scene_migrate("process/42", id);
    RUN_UNTIL(played_find("process/42"));
    struct played_migration *migration = played_find("process/42");
    played_phase(migration, FY_MIGRATION_ACTIVE, "dump");
    size_t steps = scene.steps;
    played_progress(migration, 1000);
    cr_assert_eq(scene.steps, steps, "progress is no step");
    cr_assert_eq(scene_job(id)->bytes_sent, 1000u);
    (void)snprintf(path, sizeof(path), "%s/dump.log", scene_job(id)->log_dir);
    cr_assert_eq(fclose(fopen(path, "w")), 0);
    played_end(migration, FY_MIGRATION_FAILED, FY_E_DUMP);
    const Ferry__Control__Job *job = scene_job(id);
    cr_assert_eq(job->state, FERRY__CONTROL__JOB_STATE__FAILED);
    cr_assert_eq(job->n_logs, 1u);
    cr_assert_str_eq(job->logs[0], "dump.log");
    cr_assert_str_eq(job->failure->code, "dump");
    cr_assert(job->has_ended_us);
}

Test(jobs, cancel_of_a_queued_job_never_starts_it)
{
    struct fy_error err = FY_ERROR_INIT;
    char id[FY_JOB_ID_SIZE];
    scene_migrate("runc/one", id);
    cr_assert_eq(fy_jobs_cancel(scene.jobs, id, "because", &err), 0);
    cr_assert_eq(scene_job(id)->state, FERRY__CONTROL__JOB_STATE__CANCELLED);
    cr_assert_eq(fy_jobs_cancel(scene.jobs, id, "because", &err), -1);
    cr_assert_eq(err.code, FY_E_BUSY);
    scene_close();
    cr_assert_eq(played.count, 0u);
}

Test(jobs, cancel_of_a_running_job_ends_it_and_a_decided_one_refuses)
{
    struct fy_error err = FY_ERROR_INIT;
    char one[FY_JOB_ID_SIZE], two[FY_JOB_ID_SIZE];
    scene_migrate("runc/one", one);
    scene_migrate("runc/two", two);
    RUN_UNTIL(played_find("runc/two"));
    played_find("runc/two")->decided = true;
    cr_assert_eq(fy_jobs_cancel(scene.jobs, two, "because", &err), -1);
    cr_assert_eq(err.code, FY_E_BUSY);
    cr_assert_eq(fy_jobs_cancel(scene.jobs, one, "because", &err), 0);
    RUN_UNTIL(!played_find("runc/one"));
    cr_assert_eq(scene_job(one)->state, FERRY__CONTROL__JOB_STATE__CANCELLED);
    played_end(played_find("runc/two"), FY_MIGRATION_COMPLETED, FY_OK);
}

Test(jobs, bandwidth_is_set_while_it_runs_and_while_it_waits)
{
    struct fy_error err = FY_ERROR_INIT;
    char one[FY_JOB_ID_SIZE], two[FY_JOB_ID_SIZE], three[FY_JOB_ID_SIZE];
    scene_migrate("runc/one", one);
    scene_migrate("runc/two", two);
    scene_migrate("runc/three", three);
    RUN_UNTIL(played_find("runc/two"));
    cr_assert_eq(fy_jobs_set_bandwidth(scene.jobs, one, 5000, &err), 0, "%s", err.message);
    cr_assert_eq(played_find("runc/one")->bandwidth, 5000);
    cr_assert_eq(played_find("runc/two")->bandwidth, 0);
    cr_assert_eq(fy_jobs_set_bandwidth(scene.jobs, three, 7000, &err), 0, "%s", err.message);
    played_end(played_find("runc/one"), FY_MIGRATION_COMPLETED, FY_OK);
    RUN_UNTIL(played_find("runc/three"));
    cr_assert_eq(played_find("runc/three")->bandwidth, 7000);
    cr_assert_eq(fy_jobs_set_bandwidth(scene.jobs, one, 1, &err), -1);
    cr_assert_eq(err.code, FY_E_BUSY);
    played_end(played_find("runc/two"), FY_MIGRATION_COMPLETED, FY_OK);
    played_end(played_find("runc/three"), FY_MIGRATION_COMPLETED, FY_OK);
}

/* ---- plans ---- */

static void run_plan(const char *const workloads[], size_t count, bool go_on, bool dry_run, char ids[][FY_JOB_ID_SIZE])
{
    struct fy_migration_spec specs[8];
    struct fy_record *records[8];
    struct fy_error err = FY_ERROR_INIT;
    for (size_t i = 0; i < count; i++)
        specs[i] = scene_spec(workloads[i]);
    const struct fy_plan plan = {.migrations = specs, .migration_count = count, .continue_on_failure = go_on};
    cr_assert_eq(fy_jobs_run_plan(scene.jobs, "p.yaml", &plan, dry_run, records, &err), 0, "%s", err.message);
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(ids[i], FY_JOB_ID_SIZE, "%s", records[i]->job->id);
        fy_record_unref(records[i]);
    }
}

static const char *const three[] = {"runc/one", "runc/two", "runc/three"};

Test(jobs, a_plan_runs_one_after_the_other)
{
    char ids[3][FY_JOB_ID_SIZE];
    run_plan(three, 3, false, false, ids);
    for (size_t i = 0; i < 3; i++) {
        RUN_UNTIL(played_find(three[i]));
        cr_assert_eq(fy_jobs_running(scene.jobs), 1u);
        played_end(played_find(three[i]), FY_MIGRATION_COMPLETED, FY_OK);
    }
    cr_assert_eq(fy_jobs_active(scene.jobs), 0u);
}

Test(jobs, a_failure_stops_the_rest_of_a_plan_with_a_reason)
{
    char ids[3][FY_JOB_ID_SIZE];
    run_plan(three, 3, false, false, ids);
    RUN_UNTIL(played_find("runc/one"));
    played_end(played_find("runc/one"), FY_MIGRATION_FAILED, FY_E_DUMP);
    cr_assert_eq(fy_jobs_active(scene.jobs), 0u);
    for (size_t i = 1; i < 3; i++) {
        cr_assert_eq(scene_job(ids[i])->state, FERRY__CONTROL__JOB_STATE__CANCELLED);
        cr_assert_not_null(strstr(scene_job(ids[i])->failure->message, ids[0]));
    }
    cr_assert_eq(played.count, 1u);
}

Test(jobs, a_plan_that_continues_runs_all)
{
    char ids[3][FY_JOB_ID_SIZE];
    run_plan(three, 3, true, false, ids);
    for (size_t i = 0; i < 3; i++) {
        RUN_UNTIL(played_find(three[i]));
        played_end(played_find(three[i]), FY_MIGRATION_FAILED, FY_E_DUMP);
    }
    cr_assert_eq(played.count, 3u);
}

Test(jobs, a_dry_run_answers_for_each)
{
    char ids[3][FY_JOB_ID_SIZE];
    run_plan(three, 3, false, true, ids);
    for (size_t i = 0; i < 3; i++) {
        RUN_UNTIL(played_find(three[i]));
        cr_assert(played_find(three[i])->dry_run);
        played_end(played_find(three[i]), FY_MIGRATION_FAILED, FY_E_PREFLIGHT);
    }
}

Test(jobs, a_plan_whose_starts_all_fail_at_once_ends)
{
    char ids[3][FY_JOB_ID_SIZE];
    fy_error_set(&played.fail_start, FY_E_UNSUPPORTED, "no CRIU here");
    run_plan(three, 3, true, false, ids);
    RUN_UNTIL(fy_jobs_active(scene.jobs) == 0);
    cr_assert_eq(scene_job(ids[2])->state, FERRY__CONTROL__JOB_STATE__FAILED);
}

Test(jobs, a_plan_is_accepted_whole_or_not_at_all)
{
    struct fy_error err = FY_ERROR_INIT;
    char id[FY_JOB_ID_SIZE];
    struct fy_record *records[2];
    scene_migrate("runc/two", id);
    struct fy_migration_spec specs[] = {scene_spec("runc/one"), scene_spec("runc/two")};
    struct fy_plan plan = {.migrations = specs, .migration_count = 2};
    cr_assert_eq(fy_jobs_run_plan(scene.jobs, "p", &plan, false, records, &err), -1);
    cr_assert_not_null(strstr(err.message, id), "%s", err.message);
    specs[1] = scene_spec("runc/one");
    fy_error_clear(&err);
    cr_assert_eq(fy_jobs_run_plan(scene.jobs, "p", &plan, false, records, &err), -1);
    cr_assert_eq(err.code, FY_E_CONFIG);
    plan.migration_count = 0;
    cr_assert_eq(fy_jobs_run_plan(scene.jobs, "p", &plan, false, records, NULL), -1);
    cr_assert_eq(fy_jobs_count(scene.jobs), 1u);
}

/* ---- finding ---- */

Test(jobs, a_prefix_must_fit_only_one)
{
    struct fy_error err = FY_ERROR_INIT;
    struct fy_record *record;
    char one[FY_JOB_ID_SIZE], two[FY_JOB_ID_SIZE];
    scene_migrate("runc/one", one);
    scene_migrate("runc/two", two);
    cr_assert_eq(fy_jobs_find(scene.jobs, "m-", &record, &err), -1);
    cr_assert_eq(err.code, FY_E_USAGE);
    fy_error_clear(&err);
    cr_assert_eq(fy_jobs_find(scene.jobs, "", &record, &err), -1);
    cr_assert_eq(err.code, FY_E_NOT_FOUND);
    cr_assert_eq(fy_jobs_find(scene.jobs, two, &record, NULL), 0);
    cr_assert_str_eq(record->job->id, two);
}

/* ---- stopping and restarting ---- */

static void set_flag(void *data)
{
    *(bool *)data = true;
}

Test(jobs, stopping_rolls_back_what_can_be_and_waits_for_the_rest)
{
    struct fy_error err = FY_ERROR_INIT;
    char one[FY_JOB_ID_SIZE], two[FY_JOB_ID_SIZE], three_id[FY_JOB_ID_SIZE];
    bool idle = false;
    scene_migrate("runc/one", one);
    scene_migrate("runc/two", two);
    scene_migrate("runc/three", three_id);
    RUN_UNTIL(played_find("runc/two"));
    played_find("runc/two")->decided = true;
    fy_jobs_stop(scene.jobs, "ferryd is stopping", set_flag, &idle);
    cr_assert_eq(scene_job(three_id)->state, FERRY__CONTROL__JOB_STATE__CANCELLED);
    RUN_UNTIL(!played_find("runc/one"));
    cr_assert_eq(scene_job(one)->state, FERRY__CONTROL__JOB_STATE__CANCELLED);
    cr_assert_not(idle);
    cr_assert_eq(try_migrate("runc/four", "far", &err), -1);
    cr_assert_eq(err.code, FY_E_BUSY);
    played_end(played_find("runc/two"), FY_MIGRATION_COMPLETED, FY_OK);
    cr_assert(idle);
    bool closed = false;
    fy_store_close(scene.store, set_flag, &closed);
    RUN_UNTIL(closed);
    fy_jobs_free(scene.jobs);
    scene_open();
    cr_assert_eq(scene_job(two)->state, FERRY__CONTROL__JOB_STATE__COMPLETED);
}

Test(jobs, a_restart_names_the_phase_that_it_interrupted)
{
    char running[FY_JOB_ID_SIZE], queued[FY_JOB_ID_SIZE], ended[FY_JOB_ID_SIZE];
    scene.settings.max_jobs = 1;
    scene_migrate("runc/ended", ended);
    RUN_UNTIL(played_find("runc/ended"));
    played_end(played_find("runc/ended"), FY_MIGRATION_COMPLETED, FY_OK);
    scene_migrate("runc/running", running);
    scene_migrate("runc/queued", queued);
    RUN_UNTIL(played_find("runc/running"));
    played_phase(played_find("runc/running"), FY_MIGRATION_ACTIVE, "transfer");
    scene_crash();
    for (int i = 0; i < 2; i++) { /* what was settled stays settled */
        scene_open();
        cr_assert_eq(fy_jobs_active(scene.jobs), 0u);
        cr_assert_eq(scene_job(running)->state, FERRY__CONTROL__JOB_STATE__FAILED);
        cr_assert_str_eq(scene_job(running)->failure->code, "interrupted");
        cr_assert_not_null(strstr(scene_job(running)->failure->message, "transfer"));
        cr_assert_not_null(strstr(scene_job(running)->failure->next, "start it again"));
        cr_assert_eq(scene_job(queued)->state, FERRY__CONTROL__JOB_STATE__CANCELLED);
        cr_assert_eq(scene_job(ended)->state, FERRY__CONTROL__JOB_STATE__COMPLETED);
        scene_close();
    }
}

Test(jobs, only_the_last_thousand_ended_jobs_are_kept_with_their_logs)
{
    struct stat st;
    char first[FY_JOB_ID_SIZE], id[FY_JOB_ID_SIZE], path[512] = "";
    fy_error_set(&played.fail_start, FY_E_UNSUPPORTED, "no CRIU here");
    for (int i = 0; i < FY_JOBS_KEPT + 5; i++) {
        scene_migrate("runc/web", i ? id : first);
        if (i == 0)
            (void)snprintf(path, sizeof(path), "%s", scene_job(first)->log_dir);
        RUN_UNTIL(fy_jobs_active(scene.jobs) == 0);
    }
    cr_assert_eq(fy_jobs_count(scene.jobs), (size_t)FY_JOBS_KEPT);
    scene_close();
    cr_assert_neq(stat(path, &st), 0);
    scene_open();
    cr_assert_eq(fy_jobs_count(scene.jobs), (size_t)FY_JOBS_KEPT);
    cr_assert_str_eq(fy_jobs_at(scene.jobs, FY_JOBS_KEPT - 1)->job->id, id);
}

/* ---- what the journal has ---- */

/* A job that had begun when ferryd died. */
static void crash_at(enum fy_stage stage, char id[FY_JOB_ID_SIZE])
{
    scene_migrate("runc/web", id);
    RUN_UNTIL(played_find("runc/web"));
    played_phase(played_find("runc/web"), FY_MIGRATION_DEVICE, "switchover");
    scene_write_stage(id, stage);
    scene_crash();
    scene_open();
}

Test(jobs, a_job_in_the_journal_is_taken_up_where_it_stands)
{
    char id[FY_JOB_ID_SIZE];
    crash_at(FY_STAGE_COMMIT, id);
    cr_assert_null(played_find("runc/web"));
    fy_jobs_take_up(scene.jobs);
    cr_assert_not_null(played_find("runc/web"));
    cr_assert_str_eq(played_find("runc/web")->job_id, id);
    cr_assert_eq(played_find("runc/web")->taken_up, FY_STAGE_COMMIT);
    played_end(played_find("runc/web"), FY_MIGRATION_COMPLETED, FY_OK);
    cr_assert_eq(scene_job(id)->state, FERRY__CONTROL__JOB_STATE__COMPLETED);
}

Test(jobs, what_is_in_the_journal_has_its_workload_and_does_not_end_unheard)
{
    char id[FY_JOB_ID_SIZE];
    struct fy_migration_spec spec = scene_spec("runc/web");
    struct fy_record *record = NULL;
    struct fy_error err = FY_ERROR_INIT, busy = FY_ERROR_INIT;
    crash_at(FY_STAGE_BEGUN, id);
    cr_assert_eq(fy_jobs_migrate(scene.jobs, &spec, false, &record, &err), -1);
    cr_assert_eq(err.code, FY_E_BUSY);
    cr_assert_not_null(strstr(err.message, id), "%s", err.message);
    cr_assert_eq(fy_jobs_cancel(scene.jobs, id, "no", &busy), -1, "before it is taken up nobody knows where it stands");
    cr_assert_eq(busy.code, FY_E_BUSY);
    fy_jobs_take_up(scene.jobs);
    played_end(played_find("runc/web"), FY_MIGRATION_FAILED, FY_E_INTERRUPTED);
    scene_migrate("runc/web", id);
}

Test(jobs, done_in_the_journal_is_the_end_whatever_the_record_says)
{
    char id[FY_JOB_ID_SIZE];
    crash_at(FY_STAGE_DONE, id);
    cr_assert_eq(fy_jobs_active(scene.jobs), 0u);
    cr_assert_eq(scene_job(id)->state, FERRY__CONTROL__JOB_STATE__COMPLETED);
    cr_assert_null(scene_job(id)->failure);
}

Test(jobs, an_operator_hears_what_is_at_stake_before_anything_is_done)
{
    char id[FY_JOB_ID_SIZE];
    struct fy_error commit = FY_ERROR_INIT, abort_ = FY_ERROR_INIT, ended = FY_ERROR_INIT;
    scene_migrate("runc/web", id);
    RUN_UNTIL(played_find("runc/web"));
    cr_assert_eq(fy_jobs_resolve(scene.jobs, id, true, false, &commit), -1);
    cr_assert_not_null(strstr(commit.message, "runs nowhere"), "%s", commit.message);
    cr_assert_not_null(strstr(commit.next, "--yes"));
    cr_assert_eq(fy_jobs_resolve(scene.jobs, id, false, false, &abort_), -1);
    cr_assert_not_null(strstr(abort_.message, "runs twice"), "%s", abort_.message);
    cr_assert_eq(played_find("runc/web")->resolved, 0);
    cr_assert_eq(fy_jobs_resolve(scene.jobs, id, false, true, NULL), 0);
    cr_assert_eq(played_find("runc/web")->resolved, 2);
    played_end(played_find("runc/web"), FY_MIGRATION_FAILED, FY_E_CANCELLED);
    cr_assert_eq(fy_jobs_resolve(scene.jobs, id, true, true, &ended), -1);
    cr_assert_eq(ended.code, FY_E_BUSY);
}
