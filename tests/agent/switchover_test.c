/* A source that cannot reach its destination any more: how long it tries, and what an operator can do. Everything else
 * about the machines is played in tests/sim. */
#include <ferry/agent/switchover_source.h>

#include <criterion/criterion.h>
#include <string.h>

static struct {
    struct fy_source source;
    unsigned dials, finished;
    enum fy_stage written;
    enum fy_source_settling settling;
} scene;

static void ignore_phase(void *ctx, enum fy_source_phase phase)
{
    (void)ctx;
    (void)phase;
}

static void ignore_error(void *ctx, const struct fy_error *why)
{
    (void)ctx;
    (void)why;
}

static void ignore_wait(void *ctx, enum fy_source_wait wait)
{
    (void)ctx;
    (void)wait;
}

static void ignore_attempt(void *ctx, unsigned attempt)
{
    (void)ctx;
    (void)attempt;
}

static void withdraw(void *ctx)
{
    (void)ctx;
}

static void dial(void *ctx)
{
    struct fy_error err = FY_ERROR_INIT;
    (void)ctx;
    scene.dials++;
    fy_error_set(&err, FY_E_UNREACHABLE, "nobody is there");
    fy_source_link_lost(&scene.source, &err);
}

static void settle(void *ctx, enum fy_source_settling settling)
{
    (void)ctx;
    scene.settling = settling;
}

static void journal(void *ctx, enum fy_stage stage)
{
    (void)ctx;
    scene.written = stage;
}

static bool can_recover(void *ctx)
{
    (void)ctx;
    return false;
}

static void finish(void *ctx)
{
    (void)ctx;
    scene.finished++;
}

static const struct fy_source_ops ops = {
    .entered = ignore_phase,
    .blame = ignore_error,
    .expect = ignore_wait,
    .retry_later = ignore_attempt,
    .dial = dial,
    .withdraw = withdraw,
    .can_recover = can_recover,
    .settle = settle,
    .journal = journal,
    .finish = finish,
};

static void restart(enum fy_stage stage)
{
    memset(&scene, 0, sizeof scene);
    fy_source_init(&scene.source, &ops, &scene, 7);
    fy_source_restart(&scene.source, stage);
}

static void retry_until_finished(unsigned limit)
{
    for (unsigned i = 0; i < limit && !scene.finished; i++)
        fy_source_retry(&scene.source);
}

Test(switchover, an_abort_is_told_a_dozen_times_and_then_it_ends)
{
    restart(FY_STAGE_ABORT);
    cr_assert_eq(scene.settling, FY_SETTLE_RELEASE);
    fy_source_settled(&scene.source, FY_TASKS_WHOLE, NULL);
    retry_until_finished(100);
    cr_expect_eq(scene.finished, 1u);
    cr_expect_eq(scene.dials, 12u);
    cr_expect_not(scene.source.peer_settled, "the destination has not heard of it");
    cr_expect_eq(fy_source_decision(&scene.source), FY_SAY_DECIDED_ABORT, "it is told so when it asks");
}

Test(switchover, an_operator_ends_the_telling_of_an_abort)
{
    struct fy_error err = FY_ERROR_INIT;
    restart(FY_STAGE_ABORT);
    fy_source_settled(&scene.source, FY_TASKS_WHOLE, NULL);
    retry_until_finished(2);
    cr_expect_eq(fy_source_resolve(&scene.source, true, &err), -1, "nothing was given away");
    cr_expect_eq(fy_source_resolve(&scene.source, false, NULL), 0);
    retry_until_finished(1); /* the pause that went on */
    cr_expect_eq(scene.finished, 1u);
    cr_expect_eq(scene.dials, 2u);
}

static void give_away(void)
{
    restart(FY_STAGE_COMMIT);
    fy_source_settled(&scene.source, FY_TASKS_GONE, NULL);
    cr_assert_eq(scene.settling, FY_SETTLE_KILL);
    fy_source_settled(&scene.source, FY_TASKS_GONE, NULL);
    fy_source_withdrawn(&scene.source, NULL);
}

Test(switchover, a_decision_is_told_for_ever)
{
    give_away();
    retry_until_finished(1000);
    cr_expect_eq(scene.finished, 0u);
    cr_expect_eq(scene.dials, 1000u);
}

Test(switchover, an_operator_ends_the_telling_of_a_decision)
{
    struct fy_error err = FY_ERROR_INIT;
    give_away();
    retry_until_finished(3);
    cr_expect_eq(fy_source_resolve(&scene.source, false, &err), -1, "the image set here is not whole");
    cr_expect_eq(err.code, FY_E_UNSUPPORTED);
    cr_expect_eq(fy_source_resolve(&scene.source, true, NULL), 0);
    cr_expect_eq(scene.written, FY_STAGE_DONE);
    fy_source_journaled(&scene.source, FY_STAGE_DONE, NULL);
    retry_until_finished(1);
    cr_expect_eq(scene.finished, 1u);
}
