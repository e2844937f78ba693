/* A scene for tests: a loop, a store in a directory of its own, a job table over the played agent. */
#ifndef TESTS_DAEMON_SCENE_H
#define TESTS_DAEMON_SCENE_H

#include "played_agent.h"

#include <criterion/criterion.h>
#include <ferry/daemon/jobs.h>

struct scene {
    uv_loop_t loop;
    char directory[64];
    struct fy_settings settings;
    struct fy_peer_settings peer;
    struct fy_host host;
    struct fy_store *store;
    struct fy_jobs *jobs;
    size_t changes, steps;
    size_t store_failures;
    /* passed on to, when set */
    void (*publish)(struct fy_record *record, bool step, void *data);
    void *publish_data;
};

extern struct scene scene;

/* Makes the directory. */
void scene_begin(uint32_t max_jobs);
/* Opens store and jobs; scene_close() ends them as a stop of ferryd does. */
void scene_open(void);
void scene_close(void);
/* Closes everything, asserts that the loop closes clean, removes the directory. */
void scene_end(void);
/* Loses all that is in memory, as a crash does: what was saved stays. */
void scene_crash(void);

struct fy_migration_spec scene_spec(const char *workload);
/* Starts a migration; asserts that it was accepted. The id is put into `id`. */
void scene_migrate(const char *workload, char id[FY_JOB_ID_SIZE]);
const Ferry__Control__Job *scene_job(const char *id);
/* The source's journal has the job at this stage. */
void scene_write_stage(const char *id, enum fy_stage stage);

/* Turns the loop until the condition holds. A loop with nothing left to do fails the test. */
#define RUN_UNTIL(condition)                                                                                           \
    do {                                                                                                               \
        while (!(condition))                                                                                           \
            cr_assert(uv_run(&scene.loop, UV_RUN_ONCE) || (condition), "nothing left to do before: " #condition);      \
    } while (0)

#endif
