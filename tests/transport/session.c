/* Sessions between two sides of the real code: frames arrive once, whatever becomes of the links. */
#include "talk.h"
#include <criterion/criterion.h>
#include <ferry/base/cleanup.h>
#include <string.h>

#define KIB ((size_t)1024)
#define LONG_MS 60000u

static void expect_all_data(const struct talker *sender, const struct talker *receiver)
{
    cr_expect_eq(receiver->data, sender->to_send);
    cr_expect_eq(receiver->twice, 0);
    cr_expect_eq(receiver->data_hash, sender->sent_hash);
    cr_expect_not(receiver->out_of_order);
}

static struct fy_session_stats stats_of(const struct talker *talker)
{
    struct fy_session_stats stats;
    fy_session_get_stats(&talker->session, &stats);
    return stats;
}

static void run_until_acknowledged(struct talk *talk, const struct talker *talker)
{
    for (unsigned i = 0; i < 6000 && stats_of(talker).bytes_held > 0 && !talker->closed; i++)
        run_for(&talk->loop, 10);
    cr_expect_eq(stats_of(talker).bytes_held, 0);
}

Test(session, control_frames_arrive_in_order_both_ways)
{
    struct talk talk;
    talk_start(&talk, LONG_MS);
    talk_connect(&talk);
    for (uint64_t i = 1; i <= 500; i++) {
        cr_assert_eq(talker_say(&talk.dialer, i), 0);
        cr_assert_eq(talker_say(&talk.acceptor, i), 0);
    }
    cr_expect(run_until_u64(&talk.loop, &talk.acceptor.control, 500));
    cr_expect(run_until_u64(&talk.loop, &talk.dialer.control, 500));
    cr_expect_not(talk.acceptor.out_of_order || talk.dialer.out_of_order);
    run_until_acknowledged(&talk, &talk.dialer);
    cr_expect_eq(stats_of(&talk.dialer).bytes_sent_again, 0);
    fy_session_close(&talk.dialer.session);
    cr_assert(run_until(&talk.loop, &talk.dialer.closed));
    cr_assert(run_until(&talk.loop, &talk.acceptor.closed));
    cr_expect_eq(talk.dialer.error.code, FY_OK);
    cr_expect_eq(talk.acceptor.error.code, FY_E_UNREACHABLE);
    cr_expect(strstr(talk.acceptor.error.message, "closed by the other side"), "%s", talk.acceptor.error.message);
    cr_expect(talk_end(&talk));
}

Test(session, data_takes_several_lanes_and_arrives_once)
{
    struct talk talk;
    talk_start(&talk, LONG_MS);
    talk_connect(&talk);
    fy_session_set_lanes(&talk.dialer.session, 4);
    talk.dialer.to_send = 300;
    talk.dialer.body_bytes = 200 * KIB;
    talk.dialer.control_every = 7;
    while (stats_of(&talk.dialer).lanes < 4)
        run_for(&talk.loop, 10);
    talker_pour(&talk.dialer);
    cr_expect(run_until_u64(&talk.loop, &talk.acceptor.data, 300));
    cr_expect(run_until_u64(&talk.loop, &talk.acceptor.control, 42));
    expect_all_data(&talk.dialer, &talk.acceptor);
    run_until_acknowledged(&talk, &talk.dialer);
    cr_expect_eq(stats_of(&talk.acceptor).lanes, 4);
    cr_expect_eq(talk.relay.connections, 4);
    cr_expect(talk_end(&talk));
}

static void expect_known(struct talk *talk, unsigned wanted, uint32_t open)
{
    struct talker *dialer = &talk->dialer;
    fy_session_set_lanes(&dialer->session, wanted);
    cr_expect(fy_session_lanes_are_due(&dialer->session));
    cr_expect(run_until(&talk->loop, &dialer->lanes_known));
    cr_expect_not(fy_session_lanes_are_due(&dialer->session));
    cr_expect_eq(dialer->lanes_known, 1);
    cr_expect_eq(dialer->lanes_when_known, open);
}

/* Whoever waits for the lanes begins when the last of them is there, not before, and never waits in vain. */
Test(session, it_is_told_when_further_lanes_are_open)
{
    struct talk talk;
    talk_start(&talk, LONG_MS);
    talk_connect(&talk);
    cr_expect_not(fy_session_lanes_are_due(&talk.dialer.session));
    expect_known(&talk, 4, 4);
    cr_expect(talk_end(&talk));
}

Test(session, it_is_told_when_further_lanes_cannot_be_opened)
{
    struct talk talk;
    talk_start(&talk, LONG_MS);
    talk_connect(&talk);
    atomic_store(&talk.relay.refuse, true);
    expect_known(&talk, 3, 1);
    atomic_store(&talk.relay.refuse, false);
    while (stats_of(&talk.dialer).lanes < 3)
        run_for(&talk.loop, 10);
    cr_expect(talk_end(&talk));
}

/* Pours without anything being kept, and says how many bytes came. */
static uint64_t pour_unkept(struct talk *talk, unsigned lanes, uint64_t frames)
{
    fy_session_set_lanes(&talk->dialer.session, lanes);
    while (stats_of(&talk->dialer).lanes < lanes)
        run_for(&talk->loop, 10);
    talk->acceptor.keeps = false;
    talk->dialer.to_send = 200;
    talk->dialer.body_bytes = 200 * KIB;
    talker_pour(&talk->dialer);
    cr_expect(run_until_u64(&talk->loop, &talk->acceptor.data, frames));
    run_for(&talk->loop, 300);
    cr_expect(fy_session_congested(&talk->dialer.session));
    return talk->acceptor.data * 200 * KIB;
}

static void keep_the_rest(struct talk *talk)
{
    talk->acceptor.keeps = true;
    talker_keep(&talk->acceptor);
    cr_expect(run_until_u64(&talk->loop, &talk->acceptor.data, 200));
    expect_all_data(&talk->dialer, &talk->acceptor);
}

Test(session, no_more_is_under_way_than_the_peer_lets)
{
    struct talk talk;
    talk_start(&talk, LONG_MS);
    talk_connect(&talk);
    cr_expect_leq(pour_unkept(&talk, 4, 80), 16 * KIB * KIB);
    keep_the_rest(&talk);
    cr_expect(talk_end(&talk));
}

/* What one lane cannot have under way is not held in memory for it. */
Test(session, what_is_held_grows_with_the_lanes)
{
    struct talk talk;
    talk_start(&talk, LONG_MS);
    talk_connect(&talk);
    cr_expect_lt(pour_unkept(&talk, 1, 20), 4 * KIB * KIB + 200 * KIB);
    cr_expect_lt(stats_of(&talk.dialer).bytes_held, 4 * KIB * KIB + 200 * KIB);
    keep_the_rest(&talk);
    cr_expect(talk_end(&talk));
}

static void send_through_cuts(unsigned lanes, unsigned cuts, uint64_t frames)
{
    struct talk talk;
    uint64_t seed = 1234567 + lanes;
    talk_start(&talk, LONG_MS);
    talk_connect(&talk);
    fy_session_set_lanes(&talk.dialer.session, lanes);
    talk.dialer.to_send = talk.acceptor.to_send = frames;
    talk.dialer.body_bytes = 100 * KIB;
    talk.acceptor.body_bytes = 10 * KIB;
    talk.dialer.control_every = talk.acceptor.control_every = 5;
    talker_pour(&talk.dialer);
    talker_pour(&talk.acceptor);
    uint64_t total = frames * 110 * KIB;
    for (unsigned i = 0; i < cuts; i++) {
        uint64_t dice;
        fill_random(&seed, (uint8_t *)&dice, sizeof(dice));
        unsigned so_far = talk.relay.cuts;
        atomic_store(&talk.relay.cut_after, (long long)(dice % (total / cuts)));
        while (talk.relay.cuts == so_far && talk.acceptor.data < frames)
            run_for(&talk.loop, 5);
    }
    atomic_store(&talk.relay.cut_after, -1);
    cr_expect(run_until_u64(&talk.loop, &talk.acceptor.data, frames));
    cr_expect(run_until_u64(&talk.loop, &talk.dialer.data, frames));
    cr_expect(run_until_u64(&talk.loop, &talk.acceptor.control, frames / 5));
    cr_expect(run_until_u64(&talk.loop, &talk.dialer.control, frames / 5));
    expect_all_data(&talk.dialer, &talk.acceptor);
    expect_all_data(&talk.acceptor, &talk.dialer);
    run_until_acknowledged(&talk, &talk.dialer);
    struct fy_session_stats stats = stats_of(&talk.acceptor);
    cr_expect_gt(talk.relay.cuts, cuts / 2);
    cr_expect_gt(stats_of(&talk.dialer).lanes_lost, 0);
    /* What had been acknowledged is never sent again: at most a window for each cut. */
    cr_expect_leq(stats.bytes_received_again, (uint64_t)talk.relay.cuts * (16u << 20));
    cr_log_info("%u cuts, %llu of %llu KiB came twice", talk.relay.cuts,
                (unsigned long long)stats.bytes_received_again / 1024, (unsigned long long)stats.bytes_received / 1024);
    cr_expect(talk_end(&talk));
}

Test(session, twenty_cuts_lose_and_repeat_nothing_on_one_lane)
{
    send_through_cuts(1, 20, 1000);
}

Test(session, twenty_cuts_lose_and_repeat_nothing_on_three_lanes)
{
    send_through_cuts(3, 20, 1000);
}

Test(session, what_is_kept_is_not_sent_again)
{
    struct talk talk;
    talk_start(&talk, LONG_MS);
    talk_connect(&talk);
    talk.acceptor.keeps = false;
    talk.dialer.to_send = 20;
    talk.dialer.body_bytes = 100 * KIB;
    talker_pour(&talk.dialer);
    cr_expect(run_until_u64(&talk.loop, &talk.acceptor.data, 20));
    /* All but the first, the eighth and the last. */
    for (size_t i = 0; i < 20; i++)
        if (i != 0 && i != 7 && i != 19)
            fy_session_data_kept(&talk.acceptor.session, talk.acceptor.waiting[i]);
    while (stats_of(&talk.dialer).bytes_held > 4 * 100 * KIB)
        run_for(&talk.loop, 10);
    atomic_store(&talk.relay.cut, true);
    cr_expect(run_until(&talk.loop, &talk.dialer.resumed));
    while (stats_of(&talk.dialer).bytes_sent_again < 3 * 100 * KIB)
        run_for(&talk.loop, 10);
    run_for(&talk.loop, 200);
    uint64_t again = stats_of(&talk.dialer).bytes_sent_again;
    cr_expect_lt(again, 4 * 100 * KIB, "%llu", (unsigned long long)again);
    /* They had arrived, and are not given to the owner a second time. */
    cr_expect_eq(talk.acceptor.data, 20);
    talker_keep(&talk.acceptor);
    run_until_acknowledged(&talk, &talk.dialer);
    cr_expect(talk_end(&talk));
}

Test(session, a_link_that_does_not_come_back_closes_both_sides)
{
    struct talk talk;
    talk_start(&talk, 1500);
    talk_connect(&talk);
    atomic_store(&talk.relay.refuse, true);
    atomic_store(&talk.relay.cut, true);
    cr_assert(run_until(&talk.loop, &talk.dialer.closed));
    cr_assert(run_until(&talk.loop, &talk.acceptor.closed));
    cr_expect_eq(talk.dialer.error.code, FY_E_UNREACHABLE, "%s", talk.dialer.error.message);
    cr_expect_eq(talk.acceptor.error.code, FY_E_UNREACHABLE, "%s", talk.acceptor.error.message);
    cr_expect(strstr(talk.dialer.error.message, "no new one within 1500 ms"), "%s", talk.dialer.error.message);
    cr_expect_eq(talk.dialer.interrupted, 1);
    cr_expect_eq(talk.dialer.resumed, 0);
    cr_expect(talk_end(&talk));
}

Test(session, a_half_open_link_is_found_and_replaced)
{
    struct talk talk;
    talk_start(&talk, 4000);
    talk_connect(&talk);
    atomic_store(&talk.relay.silent, true);
    cr_assert_eq(talker_say(&talk.dialer, 1), 0);
    cr_assert(run_until(&talk.loop, &talk.dialer.interrupted));
    atomic_store(&talk.relay.silent, false);
    cr_expect(run_until(&talk.loop, &talk.dialer.resumed));
    cr_expect(run_until_u64(&talk.loop, &talk.acceptor.control, 1));
    cr_expect_not(talk.dialer.closed || talk.acceptor.closed);
    cr_expect(talk_end(&talk));
}

Test(session, an_idle_session_lives)
{
    struct talk talk;
    talk_start(&talk, 2000);
    talk_connect(&talk);
    run_for(&talk.loop, 4000);
    cr_expect_eq(talk.dialer.interrupted + talk.acceptor.interrupted, 0);
    cr_expect_eq(talk.dialer.closed + talk.acceptor.closed, 0);
    cr_expect(talk_end(&talk));
}

Test(session, finishing_waits_for_acknowledgements_through_a_cut)
{
    struct talk talk;
    talk_start(&talk, LONG_MS);
    talk_connect(&talk);
    talk.dialer.to_send = 100;
    talk.dialer.body_bytes = 30 * KIB;
    talker_pour(&talk.dialer);
    atomic_store(&talk.relay.cut_after, 2 << 20);
    fy_session_finish(&talk.dialer.session, LONG_MS);
    cr_expect_eq(talker_say(&talk.dialer, 1), -1);
    cr_assert(run_until(&talk.loop, &talk.dialer.closed));
    cr_expect_eq(talk.dialer.error.code, FY_OK, "%s", talk.dialer.error.message);
    cr_expect_eq(talk.relay.cuts, 1);
    expect_all_data(&talk.dialer, &talk.acceptor);
    cr_expect(talk_end(&talk));
}

Test(session, a_session_that_is_gone_is_not_resumed)
{
    struct talk talk;
    talk_start(&talk, LONG_MS);
    talk_connect(&talk);
    atomic_store(&talk.relay.cut, true);
    atomic_store(&talk.relay.refuse, true);
    cr_assert(run_until(&talk.loop, &talk.acceptor.interrupted));
    fy_session_close(&talk.acceptor.session);
    cr_assert(run_until(&talk.loop, &talk.acceptor.closed));
    atomic_store(&talk.relay.refuse, false);
    cr_assert(run_until(&talk.loop, &talk.dialer.closed));
    cr_expect_eq(talk.dialer.error.code, FY_E_NOT_FOUND, "%s", talk.dialer.error.message);
    cr_expect(talk_end(&talk));
}

Test(session, a_failure_is_told_and_closes_the_other_side)
{
    struct talk talk;
    struct fy_error err = FY_ERROR_INIT;
    talk_start(&talk, LONG_MS);
    talk_connect(&talk);
    (void)fy_error_set(&err, FY_E_VERIFY, "the set is broken");
    fy_session_fail(&talk.acceptor.session, &err);
    cr_assert(run_until(&talk.loop, &talk.dialer.closed));
    cr_assert(run_until(&talk.loop, &talk.acceptor.closed));
    cr_expect_eq(talk.acceptor.error.code, FY_E_VERIFY);
    cr_expect_eq(talk.dialer.error.code, FY_E_VERIFY);
    cr_expect(strstr(talk.dialer.error.message, "the peer: the set is broken"), "%s", talk.dialer.error.message);
    cr_expect(talk_end(&talk));
}

/* The owner of one session hands it to another owner, in the middle of everything. */
Test(session, an_adopted_session_goes_on)
{
    struct talk talk;
    struct talker *heir = calloc(1, sizeof(*heir));
    talk_start(&talk, LONG_MS);
    talk_connect(&talk);
    heir->keeps = true;
    fy_session_init(&heir->session, &talk.acceptor.session.options, talk.acceptor.session.events);
    fy_session_adopt(&heir->session, &talk.acceptor.session);
    talk.dialer.to_send = 50;
    talk.dialer.body_bytes = 100 * KIB;
    talker_pour(&talk.dialer);
    atomic_store(&talk.relay.cut_after, 2 << 20);
    cr_expect(run_until_u64(&talk.loop, &heir->data, 50));
    expect_all_data(&talk.dialer, heir);
    cr_expect_eq(talk.acceptor.data, 0);
    fy_session_close(&heir->session);
    cr_expect(run_until(&talk.loop, &heir->closed));
    cr_expect(talk_end(&talk));
    free(heir);
}

/* --- versions --------------------------------------------------------------------------------------------------- */

static const char *const next_features[] = {FY_FEATURE_LANES, FY_FEATURE_PROBE, "telepathy"};
/* What the next release will be, and what the first was: one link a session, no measuring. */
static const struct fy_protocol ahead = {FY_PROTOCOL_MAJOR, FY_PROTOCOL_MINOR + 1, next_features, 3};
static const struct fy_protocol behind = {FY_PROTOCOL_MAJOR, FY_PROTOCOL_MINOR - 1, NULL, 0};

static void expect_they_work_together(const struct fy_protocol *dialer, const struct fy_protocol *acceptor)
{
    struct talk talk;
    talk_start(&talk, LONG_MS);
    talk.dialer_protocol = dialer;
    talk.acceptor_protocol = acceptor;
    talk_connect(&talk);
    cr_expect_eq(talk.dialer.peer_minor, acceptor ? acceptor->minor : FY_PROTOCOL_MINOR);
    cr_expect_eq(talk.acceptor.peer_minor, dialer ? dialer->minor : FY_PROTOCOL_MINOR);
    bool lanes = dialer != &behind && acceptor != &behind;
    cr_expect_eq(fy_session_has_feature(&talk.dialer.session, FY_FEATURE_LANES), lanes);
    cr_expect_eq(fy_session_has_feature(&talk.acceptor.session, FY_FEATURE_PROBE), lanes);
    cr_expect_not(fy_session_has_feature(&talk.dialer.session, "telepathy"));
    fy_session_set_lanes(&talk.dialer.session, 3);
    cr_expect_eq(fy_session_lanes_are_due(&talk.dialer.session), lanes);
    talk.dialer.to_send = 100;
    talk.dialer.body_bytes = 100 * KIB;
    talk.dialer.control_every = 3;
    talker_pour(&talk.dialer);
    atomic_store(&talk.relay.cut_after, 2 << 20);
    cr_expect(run_until_u64(&talk.loop, &talk.acceptor.data, 100));
    cr_expect(run_until_u64(&talk.loop, &talk.acceptor.control, 33));
    expect_all_data(&talk.dialer, &talk.acceptor);
    cr_expect_eq(talk.relay.cuts, 1);
    while (stats_of(&talk.dialer).lanes < (lanes ? 3 : 1))
        run_for(&talk.loop, 10);
    cr_expect_eq(talk.relay.connections > 2, lanes);
    cr_expect(talk_end(&talk));
}

Test(session, an_acceptor_one_minor_version_ahead)
{
    expect_they_work_together(NULL, &ahead);
}

Test(session, a_dialer_one_minor_version_ahead)
{
    expect_they_work_together(&ahead, NULL);
}

Test(session, an_acceptor_one_minor_version_behind)
{
    expect_they_work_together(NULL, &behind);
}

Test(session, a_dialer_one_minor_version_behind)
{
    expect_they_work_together(&behind, NULL);
}

/* --- limits ----------------------------------------------------------------------------------------------------- */

/* How well a rate is kept is measured by the bench, and under a clock of its own by shaper.c; here, that there is one.
 */
Test(session, a_limit_holds_data_back_and_can_be_lifted)
{
    struct talk talk;
    talk_start(&talk, LONG_MS);
    talk_connect(&talk);
    fy_session_set_rate(&talk.dialer.session, 1000);
    talk.dialer.to_send = 100;
    talk.dialer.body_bytes = 30 * KIB;
    talk.dialer.control_every = 5;
    talker_pour(&talk.dialer);
    /* One frame leaves and is paid for by waiting; control frames do not wait. */
    cr_expect(run_until_u64(&talk.loop, &talk.acceptor.control, 20));
    cr_expect(run_until_u64(&talk.loop, &talk.acceptor.data, 1));
    run_for(&talk.loop, 200);
    cr_expect_eq(talk.acceptor.data, 1);
    fy_session_set_rate(&talk.dialer.session, 0);
    cr_expect(run_until_u64(&talk.loop, &talk.acceptor.data, 100));
    expect_all_data(&talk.dialer, &talk.acceptor);
    cr_expect(talk_end(&talk));
}
