/* Limits under a clock of our own. */
#include <criterion/criterion.h>
#include <ferry/base/cleanup.h>
#include <ferry/transport/shaper.h>

#define SECOND_NS ((uint64_t)1000000000)
#define MIB ((size_t)1 << 20)

/* One that always has something to send; looks again when told to, `late_ns` too late each time. */
struct source {
    struct fy_stream stream;
    size_t frame_bytes;
    uint64_t next_ns;
    uint64_t sent;
    uint64_t from_ns; /* has nothing before that */
    uint64_t until_ns;
};

static void look(struct source *source, uint64_t now_ns, uint64_t late_ns)
{
    if (now_ns < source->from_ns || now_ns >= source->until_ns) {
        fy_stream_idle(&source->stream);
        source->next_ns = now_ns + SECOND_NS / 1000;
        return;
    }
    uint64_t wait_ns;
    while ((wait_ns = fy_stream_wait_ns(&source->stream, now_ns)) == 0) {
        fy_stream_sent(&source->stream, source->frame_bytes, now_ns);
        source->sent += source->frame_bytes;
    }
    source->next_ns = now_ns + wait_ns + late_ns;
}

static void run(struct source *sources, size_t count, uint64_t from_ns, uint64_t until_ns, uint64_t late_ns)
{
    for (uint64_t now_ns = from_ns; now_ns < until_ns;) {
        uint64_t next_ns = until_ns;
        for (size_t i = 0; i < count; i++) {
            if (sources[i].next_ns <= now_ns)
                look(&sources[i], now_ns, late_ns);
            if (sources[i].next_ns < next_ns)
                next_ns = sources[i].next_ns;
        }
        now_ns = next_ns > now_ns ? next_ns : now_ns + 1;
    }
}

static void expect_about(uint64_t got, uint64_t wanted, unsigned percent)
{
    cr_expect(got >= wanted - wanted * percent / 100 && got <= wanted + wanted * percent / 100, "%llu, not %llu",
              (unsigned long long)got, (unsigned long long)wanted);
}

static struct source source_of(struct fy_shaper *shaper, size_t frame_bytes)
{
    return (struct source){.stream.shaper = shaper, .frame_bytes = frame_bytes, .until_ns = UINT64_MAX};
}

Test(shaper, a_limit_is_kept_whatever_the_frames)
{
    static const size_t frames[] = {100, 4096, 100000, MIB};
    static const uint64_t rates[] = {1000000, 12500000, 125000000};
    for (size_t i = 0; i < FY_ARRAY_SIZE(frames); i++) {
        for (size_t j = 0; j < FY_ARRAY_SIZE(rates); j++) {
            struct source source = source_of(NULL, frames[i]);
            fy_bucket_set_rate(&source.stream.bucket, rates[j], SECOND_NS);
            source.next_ns = SECOND_NS;
            run(&source, 1, SECOND_NS, 61 * SECOND_NS, 0);
            expect_about(source.sent, 60 * rates[j], 2);
        }
    }
}

/* Timers of a busy loop come late. */
Test(shaper, a_limit_is_kept_although_every_look_comes_late)
{
    struct source source = source_of(NULL, 200000);
    fy_bucket_set_rate(&source.stream.bucket, 12500000, SECOND_NS);
    run(&source, 1, SECOND_NS, 61 * SECOND_NS, 20000000);
    expect_about(source.sent, 60ull * 12500000, 5);
}

Test(shaper, time_that_was_not_used_is_not_made_up_for)
{
    struct source source = source_of(NULL, 10000);
    source.from_ns = 100 * SECOND_NS;
    fy_bucket_set_rate(&source.stream.bucket, 1000000, SECOND_NS);
    run(&source, 1, SECOND_NS, 101 * SECOND_NS, 0);
    expect_about(source.sent, 1050000, 5);
}

Test(shaper, a_limit_changes_while_it_runs)
{
    struct source source = source_of(NULL, 50000);
    fy_bucket_set_rate(&source.stream.bucket, 1000000, SECOND_NS);
    run(&source, 1, SECOND_NS, 11 * SECOND_NS, 0);
    expect_about(source.sent, 10000000, 5);
    source.sent = 0;
    fy_bucket_set_rate(&source.stream.bucket, 10000000, 11 * SECOND_NS);
    run(&source, 1, 11 * SECOND_NS, 21 * SECOND_NS, 0);
    expect_about(source.sent, 100000000, 5);
    source.sent = 0;
    fy_bucket_set_rate(&source.stream.bucket, 0, 21 * SECOND_NS);
    cr_expect_eq(fy_stream_wait_ns(&source.stream, 21 * SECOND_NS), 0);
}

/* A large frame that was sent just before is paid for at the new rate. */
Test(shaper, a_debt_is_paid_at_the_new_rate)
{
    struct fy_bucket bucket = {0};
    fy_bucket_set_rate(&bucket, 1000, SECOND_NS);
    fy_bucket_spend(&bucket, 1000000, SECOND_NS);
    cr_expect_eq(fy_bucket_wait_ns(&bucket, SECOND_NS), 1000 * SECOND_NS);
    fy_bucket_set_rate(&bucket, 1000000, SECOND_NS);
    cr_expect_eq(fy_bucket_wait_ns(&bucket, SECOND_NS), SECOND_NS);
}

Test(shaper, jobs_share_the_limit_of_their_peer_fairly)
{
    struct fy_shaper shaper = {0};
    fy_bucket_set_rate(&shaper.bucket, 10000000, SECOND_NS);
    struct source sources[] = {source_of(&shaper, MIB), source_of(&shaper, 10000), source_of(&shaper, 300000)};
    run(sources, 3, SECOND_NS, 61 * SECOND_NS, 0);
    for (size_t i = 0; i < 3; i++)
        expect_about(sources[i].sent, 200000000, 2);
    for (size_t i = 0; i < 3; i++)
        fy_stream_done(&sources[i].stream);
    cr_expect_null(shaper.first);
}

Test(shaper, a_job_that_comes_later_gets_its_share_and_no_more)
{
    struct fy_shaper shaper = {0};
    fy_bucket_set_rate(&shaper.bucket, 10000000, SECOND_NS);
    struct source sources[] = {source_of(&shaper, 100000), source_of(&shaper, 100000)};
    sources[1].from_ns = 31 * SECOND_NS;
    run(sources, 2, SECOND_NS, 61 * SECOND_NS, 0);
    expect_about(sources[0].sent, 450000000, 2);
    expect_about(sources[1].sent, 150000000, 2);
}

Test(shaper, what_a_limited_job_leaves_the_others_use)
{
    struct fy_shaper shaper = {0};
    fy_bucket_set_rate(&shaper.bucket, 10000000, SECOND_NS);
    struct source sources[] = {source_of(&shaper, 100000), source_of(&shaper, 100000)};
    fy_bucket_set_rate(&sources[0].stream.bucket, 1000000, SECOND_NS);
    run(sources, 2, SECOND_NS, 61 * SECOND_NS, 0);
    expect_about(sources[0].sent, 60000000, 5);
    expect_about(sources[1].sent, 540000000, 3);
}

Test(shaper, a_job_that_stops_sending_holds_up_nobody)
{
    struct fy_shaper shaper = {0};
    fy_bucket_set_rate(&shaper.bucket, 10000000, SECOND_NS);
    struct source sources[] = {source_of(&shaper, 100000), source_of(&shaper, 100000)};
    sources[0].until_ns = 11 * SECOND_NS;
    run(sources, 2, SECOND_NS, 61 * SECOND_NS, 0);
    expect_about(sources[0].sent + sources[1].sent, 600000000, 2);
    expect_about(sources[0].sent, 50000000, 3);
}
