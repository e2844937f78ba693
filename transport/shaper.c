/* See shaper.h. A bucket remembers until when what has left is paid for; among streams that wait for the shared limit,
 * the one that was served least is next. */
#include <ferry/transport/shaper.h>

#define NS_PER_SECOND 1000000000u
/* How soon a stream that has to let another go first looks again. */
#define GIVE_WAY_NS ((uint64_t)1000000)

static uint64_t scale(uint64_t value, uint64_t by, uint64_t divisor)
{
    return (uint64_t)((unsigned __int128)value * by / divisor);
}

void fy_bucket_set_rate(struct fy_bucket *bucket, uint64_t bytes_per_second, uint64_t now_ns)
{
    uint64_t debt_ns = bucket->due_ns > now_ns ? bucket->due_ns - now_ns : 0;
    if (bucket->bytes_per_second > 0 && bytes_per_second > 0)
        debt_ns = scale(debt_ns, bucket->bytes_per_second, bytes_per_second);
    else
        debt_ns = 0;
    bucket->bytes_per_second = bytes_per_second;
    bucket->due_ns = now_ns + debt_ns;
}

uint64_t fy_bucket_wait_ns(const struct fy_bucket *bucket, uint64_t now_ns)
{
    if (bucket->bytes_per_second == 0 || bucket->due_ns <= now_ns)
        return 0;
    return bucket->due_ns - now_ns;
}

void fy_bucket_spend(struct fy_bucket *bucket, size_t bytes, uint64_t now_ns)
{
    if (bucket->bytes_per_second == 0)
        return;
    uint64_t oldest_ns = now_ns > FY_SHAPER_BURST_NS ? now_ns - FY_SHAPER_BURST_NS : 0;
    if (bucket->due_ns < oldest_ns)
        bucket->due_ns = oldest_ns;
    bucket->due_ns += scale(bytes, NS_PER_SECOND, bucket->bytes_per_second);
}

static void enlist(struct fy_stream *stream)
{
    if (stream->listed)
        return;
    stream->listed = true;
    stream->next = stream->shaper->first;
    stream->shaper->first = stream;
}

/* Whoever had nothing to send has no claim on the time that has passed. */
static void begin_waiting(struct fy_stream *stream)
{
    enlist(stream);
    if (stream->waiting)
        return;
    stream->waiting = true;
    if (stream->served < stream->shaper->served)
        stream->served = stream->shaper->served;
}

static bool somebody_is_before(const struct fy_stream *stream, uint64_t now_ns)
{
    for (const struct fy_stream *other = stream->shaper->first; other; other = other->next)
        if (other->waiting && other->served < stream->served && fy_bucket_wait_ns(&other->bucket, now_ns) == 0)
            return true;
    return false;
}

uint64_t fy_stream_wait_ns(struct fy_stream *stream, uint64_t now_ns)
{
    uint64_t own_ns = fy_bucket_wait_ns(&stream->bucket, now_ns);
    struct fy_shaper *shaper = stream->shaper;
    if (!shaper || shaper->bucket.bytes_per_second == 0)
        return own_ns;
    begin_waiting(stream);
    uint64_t shared_ns = fy_bucket_wait_ns(&shaper->bucket, now_ns);
    if (own_ns > 0 || shared_ns > 0)
        return own_ns > shared_ns ? own_ns : shared_ns;
    return somebody_is_before(stream, now_ns) ? GIVE_WAY_NS : 0;
}

void fy_stream_sent(struct fy_stream *stream, size_t bytes, uint64_t now_ns)
{
    fy_bucket_spend(&stream->bucket, bytes, now_ns);
    if (!stream->shaper)
        return;
    fy_bucket_spend(&stream->shaper->bucket, bytes, now_ns);
    if (stream->served > stream->shaper->served)
        stream->shaper->served = stream->served;
    stream->served += bytes;
}

void fy_stream_idle(struct fy_stream *stream)
{
    stream->waiting = false;
}

void fy_stream_done(struct fy_stream *stream)
{
    if (!stream->listed)
        return;
    struct fy_stream **at = &stream->shaper->first;
    while (*at != stream)
        at = &(*at)->next;
    *at = stream->next;
    stream->listed = false;
}
