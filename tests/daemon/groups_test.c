/* Groups: all are decided upon together, or none moves. */
#include "played_agent.h"
#include "scene.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static void begin_scene(void)
{
    scene_begin(2);
}

TestSuite(groups, .init = begin_scene, .fini = scene_end);

static char ids[4][FY_JOB_ID_SIZE];

/* "one" and "two" belong together, "three" comes after them. */
static int run_plan(uint32_t max_jobs, bool go_on, bool dry_run, struct fy_error *err)
{
    struct fy_record *records[3];
    struct fy_migration_spec specs[] = {scene_spec("runc/one"), scene_spec("runc/two"), scene_spec("runc/three")};
    const struct fy_plan plan = {.migrations = specs, .migration_count = 3, .continue_on_failure = go_on};
    strcpy(specs[0].group, "shop");
    strcpy(specs[1].group, "shop");
    scene.settings.max_jobs = max_jobs;
    if (fy_jobs_run_plan(scene.jobs, "p.yaml", &plan, dry_run, records, err) < 0)
        return -1;
    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(ids[i], sizeof ids[i], "%s", records[i]->job->id);
        fy_record_unref(records[i]);
    }
    return 0;
}

static void begin(uint32_t max_jobs)
{
    struct fy_error err = FY_ERROR_INIT;
    cr_assert_eq(run_plan(max_jobs, true, false, &err), 0, "%s", err.message);
    RUN_UNTIL(played_find("runc/one") && played_find("runc/two"));
    cr_assert_null(played_find("runc/three"), "it comes after them");
}

static void finish_three(void)
{
    RUN_UNTIL(played_find("runc/three"));
    played_ready(played_find("runc/three"));
    cr_expect(played_find("runc/three")->decided, "alone, it goes at once");
    played_end(played_find("runc/three"), FY_MIGRATION_COMPLETED, FY_OK);
    cr_assert_eq(fy_jobs_active(scene.jobs), 0u);
}

Test(groups, nobody_goes_before_all_are_ready)
{
    begin(2);
    cr_expect_str_eq(scene_job(ids[0])->group, "shop");
    cr_expect_null(scene_job(ids[2])->group);
    struct played_migration *one = played_find("runc/one"), *two = played_find("runc/two");
    played_ready(two);
    cr_expect_not(one->decided || two->decided);
    played_ready(one);
    cr_expect(one->decided && two->decided);
    played_end(one, FY_MIGRATION_COMPLETED, FY_OK);
    cr_assert_null(played_find("runc/three"), "the group has not ended");
    played_end(two, FY_MIGRATION_COMPLETED, FY_OK);
    finish_three();
}

static void expect_cancelled(const char *id, const char *other)
{
    RUN_UNTIL(scene_job(id)->state == FERRY__CONTROL__JOB_STATE__CANCELLED);
    cr_expect_eq(scene_job(other)->state, FERRY__CONTROL__JOB_STATE__FAILED);
}

Test(groups, one_that_is_given_up_takes_all_with_it)
{
    begin(2);
    struct played_migration *one = played_find("runc/one"), *two = played_find("runc/two");
    played_ready(one);
    fy_error_set(&two->report.error, FY_E_DUMP, "played: no");
    two->events->given_up((struct fy_migration *)two, &two->report, two->data);
    played_ready(two); /* too late */
    cr_expect_not(one->decided || two->decided);
    played_end(two, FY_MIGRATION_FAILED, FY_E_DUMP);
    expect_cancelled(ids[0], ids[1]);
    finish_three();
}

/* An end without warning is one too. */
Test(groups, one_that_fails_takes_all_with_it)
{
    begin(2);
    played_end(played_find("runc/two"), FY_MIGRATION_FAILED, FY_E_DUMP);
    expect_cancelled(ids[0], ids[1]);
    cr_expect_not(played.migrations[0].decided);
    finish_three();
}

Test(groups, starts_that_fail)
{
    struct fy_error err = FY_ERROR_INIT;
    fy_error_set(&played.fail_start, FY_E_UNSUPPORTED, "no CRIU here");
    cr_assert_eq(run_plan(2, true, false, &err), 0);
    RUN_UNTIL(fy_jobs_active(scene.jobs) == 0);
    cr_expect_eq(scene_job(ids[0])->state, FERRY__CONTROL__JOB_STATE__FAILED);
    cr_expect_eq(scene_job(ids[1])->state, FERRY__CONTROL__JOB_STATE__CANCELLED);
    cr_expect_not_null(strstr(scene_job(ids[1])->failure->message, ids[0]));
    cr_expect_not_null(strstr(scene_job(ids[1])->failure->message, "no CRIU here"));
}

/* Both are decided upon, and nothing is killed yet. */
static void decide_both(struct played_migration **one, struct played_migration **two)
{
    begin(2);
    *one = played_find("runc/one");
    *two = played_find("runc/two");
    played_ready(*one);
    played_ready(*two);
    cr_assert((*one)->decided && (*two)->decided);
}

Test(groups, nobody_is_killed_before_all_stand_still)
{
    struct played_migration *one, *two;
    decide_both(&one, &two);
    cr_expect_str_eq(one->group, ids[0]);
    cr_expect_str_eq(two->group, ids[0]);
    played_pinned(two, FY_OK);
    cr_expect_eq(one->concluded + two->concluded, 0);
    played_pinned(one, FY_OK);
    cr_expect_eq(one->concluded, 1);
    cr_expect_eq(two->concluded, 1);
    played_end(one, FY_MIGRATION_COMPLETED, FY_OK);
    played_end(two, FY_MIGRATION_COMPLETED, FY_OK);
    finish_three();
}

Test(groups, one_that_cannot_be_made_to_stand_still_takes_all_back)
{
    struct played_migration *one, *two;
    decide_both(&one, &two);
    played_pinned(two, FY_E_DUMP);
    cr_expect_eq(two->concluded, 2);
    cr_expect_eq(one->concluded, 0, "two says first that it is given up");
    played_given_up(two, FY_E_DUMP);
    cr_expect_eq(one->concluded, 2);
    one->concluded = 0;
    played_pinned(one, FY_OK); /* it was on its way */
    cr_expect_eq(one->concluded, 2);
    played_end(one, FY_MIGRATION_FAILED, FY_E_DUMP);
    played_end(two, FY_MIGRATION_FAILED, FY_E_DUMP);
    finish_three();
}

static void crash_decided(const char *unpinned)
{
    struct played_migration *one, *two;
    decide_both(&one, &two);
    scene_write_stage(ids[0], FY_STAGE_COMMIT);
    scene_write_stage(ids[1], FY_STAGE_COMMIT);
    scene_crash();
    played.group = ids[0];
    played.unpinned = unpinned;
    scene_open();
    fy_jobs_take_up(scene.jobs);
    RUN_UNTIL(played.count >= 2 && played.migrations[played.count - 1].taken_up);
}

Test(groups, a_restart_goes_on_with_all_that_stood_still)
{
    crash_decided(NULL);
    for (size_t i = played.count - 2; i < played.count; i++) {
        cr_expect_eq(played.migrations[i].taken_up, FY_STAGE_COMMIT);
        cr_expect(played.migrations[i].goes_on);
        played_end(&played.migrations[i], FY_MIGRATION_COMPLETED, FY_OK);
    }
}

Test(groups, a_restart_takes_all_back_when_one_did_not_stand_still)
{
    crash_decided(ids[1]);
    for (size_t i = played.count - 2; i < played.count; i++) {
        cr_expect_eq(played.migrations[i].taken_up, FY_STAGE_COMMIT);
        cr_expect_not(played.migrations[i].goes_on);
        played_end(&played.migrations[i], FY_MIGRATION_FAILED, FY_E_INTERRUPTED);
    }
}

/* Behind the kills each goes its own way. */
Test(groups, a_failure_after_the_kills_is_its_own)
{
    struct played_migration *one, *two;
    decide_both(&one, &two);
    played_pinned(one, FY_OK);
    played_pinned(two, FY_OK);
    played_end(one, FY_MIGRATION_FAILED, FY_E_RESTORE);
    cr_expect(two->running);
    cr_expect_eq(two->concluded, 1);
    played_end(two, FY_MIGRATION_COMPLETED, FY_OK);
    cr_expect_eq(scene_job(ids[1])->state, FERRY__CONTROL__JOB_STATE__COMPLETED);
    finish_three();
}

Test(groups, cancelling_one_cancels_all)
{
    struct fy_error err = FY_ERROR_INIT;
    begin(2);
    cr_assert_eq(fy_jobs_cancel(scene.jobs, ids[0], "cancelled", &err), 0);
    RUN_UNTIL(scene_job(ids[1])->state == FERRY__CONTROL__JOB_STATE__CANCELLED);
    cr_expect_eq(scene_job(ids[0])->state, FERRY__CONTROL__JOB_STATE__CANCELLED);
    finish_three();
}

/* Half of a group that runs and holds frozen what it has, while the other half waits for a slot, would wait for ever.
 */
Test(groups, starts_when_there_is_room_for_all)
{
    char id[FY_JOB_ID_SIZE];
    struct fy_error err = FY_ERROR_INIT;
    scene.settings.max_jobs = 2;
    scene_migrate("runc/other", id);
    RUN_UNTIL(played_find("runc/other"));
    cr_assert_eq(run_plan(2, true, false, &err), 0);
    RUN_UNTIL(fy_jobs_queued(scene.jobs) == 3);
    for (int i = 0; i < 20; i++)
        (void)uv_run(&scene.loop, UV_RUN_NOWAIT);
    cr_assert_null(played_find("runc/one"));
    played_end(played_find("runc/other"), FY_MIGRATION_COMPLETED, FY_OK);
    RUN_UNTIL(played_find("runc/one") && played_find("runc/two"));
    played_end(played_find("runc/two"), FY_MIGRATION_FAILED, FY_E_DUMP);
    finish_three();
}

Test(groups, too_large)
{
    struct fy_error err = FY_ERROR_INIT;
    cr_assert_eq(run_plan(1, true, false, &err), -1);
    cr_expect_eq(err.code, FY_E_LIMIT);
    cr_expect_not_null(strstr(err.message, "group shop"));
    cr_expect_not_null(strstr(err.next, "max_jobs"));
    cr_expect_eq(fy_jobs_count(scene.jobs), 0u);
}

Test(groups, a_dry_run_asks_for_each)
{
    struct fy_error err = FY_ERROR_INIT;
    cr_assert_eq(run_plan(1, true, true, &err), -1, "it says already that the group is too large");
    fy_error_clear(&err);
    cr_assert_eq(run_plan(2, true, true, &err), 0);
    RUN_UNTIL(played_find("runc/one"));
    played_end(played_find("runc/one"), FY_MIGRATION_FAILED, FY_E_PREFLIGHT);
    RUN_UNTIL(played_find("runc/two"));
    played_end(played_find("runc/two"), FY_MIGRATION_COMPLETED, FY_OK);
    RUN_UNTIL(played_find("runc/three"));
    played_end(played_find("runc/three"), FY_MIGRATION_COMPLETED, FY_OK);
}
