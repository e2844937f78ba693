/* What arrives on a session's lanes: the hello, lanes that join, and the dispatch of frames. Everything here comes from
 * the peer: what breaks the protocol ends the session, with the reason told. */
#include "session_internal.h"
#include <errno.h>
#include <ferry/base/cleanup.h>
#include <string.h>
#include <sys/random.h>

/* --- hello ------------------------------------------------------------------------------------------------------ */

void lane_say_hello(struct fy_lane *lane, bool join)
{
    struct fy_carrier *carrier = lane->carrier;
    const struct fy_protocol *protocol = session_protocol(carrier);
    uint64_t ranges[2 * FY_INBOX_RANGES];
    Ferry__Peer__Join joining = FERRY__PEER__JOIN__INIT;
    Ferry__Peer__Ack state = FERRY__PEER__ACK__INIT;
    Ferry__Peer__Hello hello = FERRY__PEER__HELLO__INIT;
    hello.major = protocol->major;
    hello.minor = protocol->minor;
    hello.name = (char *)carrier->options.own_name;
    hello.version = (char *)FERRY_VERSION;
    hello.features = (char **)protocol->features;
    hello.n_features = protocol->feature_count;
    bool dialing = carrier->dialer.dial != NULL;
    ProtobufCBinaryData token = {.len = FY_SESSION_TOKEN_BYTES, .data = carrier->token};
    carrier_fill_ack(carrier, &state, ranges);
    hello.state = &state;
    if (join && dialing) {
        joining.token = token;
        joining.lane = lane->index;
        hello.join = &joining;
    } else if (!join && !dialing) {
        hello.has_token = true;
        hello.token = token;
    }
    Ferry__Peer__Frame frame = FY_PEER_FRAME(hello, FERRY__PEER__FRAME__KIND_HELLO, &hello);
    lane_send(lane, &frame);
}

static int check_hello(const struct fy_carrier *carrier, const Ferry__Peer__Frame *frame, struct fy_error *err)
{
    const struct fy_protocol *protocol = session_protocol(carrier);
    if (frame->kind_case == FERRY__PEER__FRAME__KIND_FAILURE) {
        fy_session_failure_to_error(frame->failure, "the peer", err);
        return -1;
    }
    if (frame->kind_case != FERRY__PEER__FRAME__KIND_HELLO)
        return fy_error_set(err, FY_E_PROTOCOL, "the peer's first frame is not a hello");
    const Ferry__Peer__Hello *hello = frame->hello;
    if (hello->major == protocol->major && !hello->state)
        return fy_error_set(err, FY_E_PROTOCOL, "the peer's hello does not say what has arrived, and gives no credits");
    if (hello->major == protocol->major)
        return 0;
    (void)fy_error_set(err, FY_E_PROTOCOL, "peer '%.64s' (ferry %.32s) speaks protocol %u.%u, this agent %u.%u",
                       hello->name, hello->version, hello->major, hello->minor, protocol->major, protocol->minor);
    return fy_error_next(err, "install the same ferry release on both hosts (here: %s)", FERRY_VERSION);
}

/* The first hello of a session. */
static int begin(struct fy_lane *lane, const Ferry__Peer__Hello *hello, struct fy_error *err)
{
    struct fy_carrier *carrier = lane->carrier;
    struct fy_session *session = carrier->session;
    if (session_copy_features(carrier, hello, err) < 0 || carrier_take_ack(carrier, hello->state, err) < 0)
        return -1;
    carrier->greeted = session->greeted = true;
    lane_open(lane);
    session->events->greeted(session, hello);
    if (!carrier->ending && carrier->dialer.dial)
        carrier_open_lanes(carrier);
    return 0;
}

/* The hello on a lane of a session that exists, from the other side. */
static int resume(struct fy_lane *lane, const Ferry__Peer__Hello *hello, struct fy_error *err)
{
    struct fy_carrier *carrier = lane->carrier;
    if (carrier_take_ack(carrier, hello->state, err) < 0)
        return -1;
    lane_open(lane);
    if (!carrier->ending)
        carrier_acknowledged(carrier);
    return 0;
}

/* --- the accepting side ----------------------------------------------------------------------------------------- */

static int make_token(struct fy_carrier *carrier, struct fy_error *err)
{
    if (getrandom(carrier->token, sizeof(carrier->token), 0) != (ssize_t)sizeof(carrier->token))
        return fy_error_errno(err, errno, "making a session's token");
    if (carrier->options.registry)
        registry_add(carrier->options.registry, carrier);
    return 0;
}

static int find_session(const struct fy_carrier *carrier, const Ferry__Peer__Join *join, struct fy_carrier **target,
                        struct fy_error *err)
{
    if (join->lane >= FY_SESSION_MAX_LANES)
        return fy_error_set(err, FY_E_PROTOCOL, "lane %u of a session, which has %u at most", join->lane,
                            FY_SESSION_MAX_LANES);
    *target = registry_find(carrier->options.registry, &join->token);
    if (!*target)
        return fy_error_set(err, FY_E_NOT_FOUND, "no session here has the token that the lane presents");
    return 0;
}

/* Hands the link over to the session that it belongs to; this one was only there to find that out. */
static int join(struct fy_lane *lane, const Ferry__Peer__Hello *hello, struct fy_error *err)
{
    struct fy_carrier *target = NULL;
    struct fy_error failure = FY_ERROR_INIT;
    if (find_session(lane->carrier, hello->join, &target, err) < 0)
        return -1;
    struct fy_lane *joined = &target->lanes[hello->join->lane];
    lane_replace(joined);
    struct fy_link *link = fy_take(lane->link);
    carrier_end_silently(lane->carrier, NULL);
    lane_attach(joined, link, FY_LANE_GREETING);
    lane_say_hello(joined, true);
    if (resume(joined, hello, &failure) < 0)
        carrier_end(target, &failure);
    return 0;
}

static int greet_dialer(struct fy_lane *lane, const Ferry__Peer__Hello *hello, struct fy_error *err)
{
    if (hello->join)
        return join(lane, hello, err);
    if (make_token(lane->carrier, err) < 0)
        return -1;
    lane_say_hello(lane, false);
    return begin(lane, hello, err);
}

/* --- the dialing side ------------------------------------------------------------------------------------------- */

static int greet_acceptor(struct fy_lane *lane, const Ferry__Peer__Hello *hello, struct fy_error *err)
{
    struct fy_carrier *carrier = lane->carrier;
    if (carrier->greeted)
        return resume(lane, hello, err);
    if (!hello->has_token || hello->token.len != FY_SESSION_TOKEN_BYTES)
        return fy_error_set(err, FY_E_PROTOCOL, "the peer's hello has no token for further lanes");
    memcpy(carrier->token, hello->token.data, FY_SESSION_TOKEN_BYTES);
    return begin(lane, hello, err);
}

/* The peer refuses a further lane for a reason of its own, and the session has others. */
static bool is_only_refusal(const struct fy_carrier *carrier, const Ferry__Peer__Frame *frame)
{
    enum fy_code code = FY_OK;
    if (frame->kind_case == FERRY__PEER__FRAME__KIND_FAILURE)
        code = fy_code_from_name(frame->failure->code);
    return carrier->greeted && (code == FY_E_LIMIT || code == FY_E_NOMEM || code == FY_E_BUSY);
}

static int greet(struct fy_lane *lane, const Ferry__Peer__Frame *frame, struct fy_error *err)
{
    struct fy_carrier *carrier = lane->carrier;
    struct fy_error refusal = FY_ERROR_INIT;
    if (is_only_refusal(carrier, frame)) {
        (void)check_hello(carrier, frame, &refusal);
        lane_lose(lane, &refusal);
        return 0;
    }
    if (check_hello(carrier, frame, err) < 0)
        return -1;
    return carrier->dialer.dial ? greet_acceptor(lane, frame->hello, err) : greet_dialer(lane, frame->hello, err);
}

/* --- frames of the session itself ------------------------------------------------------------------------------- */

static int answer_ping(struct fy_lane *lane, const Ferry__Peer__Ping *ping, struct fy_error *err)
{
    if (fy_link_congested(lane->link))
        return fy_error_set(err, FY_E_LIMIT, "the peer sends pings and does not read the answers");
    Ferry__Peer__Pong pong = FERRY__PEER__PONG__INIT;
    pong.token = ping->token;
    Ferry__Peer__Frame frame = FY_PEER_FRAME(pong, FERRY__PEER__FRAME__KIND_PONG, &pong);
    lane_send(lane, &frame);
    return 0;
}

static void take_pong(struct fy_carrier *carrier, const Ferry__Peer__Frame *frame)
{
    if (frame->pong->token != FY_SESSION_ALIVE_TOKEN && !carrier->finishing)
        carrier->session->events->frame(carrier->session, frame, NULL, 0);
}

static int take_bye(struct fy_carrier *carrier)
{
    struct fy_error err = FY_ERROR_INIT;
    bool unsent = !fy_outbox_is_empty(&carrier->control) || !fy_outbox_is_empty(&carrier->data);
    (void)fy_error_set(&err, FY_E_UNREACHABLE, "closed by the other side%s",
                       unsent ? " before everything was sent" : "");
    carrier_end_silently(carrier, carrier->finishing ? NULL : &err);
    return 0;
}

static int take_failure(struct fy_carrier *carrier, const Ferry__Peer__Failure *failure)
{
    struct fy_error err = FY_ERROR_INIT;
    fy_session_failure_to_error(failure, "the peer", &err);
    carrier_end_silently(carrier, &err);
    return 0;
}

/* --- numbered frames -------------------------------------------------------------------------------------------- */

static size_t wire_bytes_of(const struct fy_frame *raw)
{
    return FY_FRAME_PREFIX_BYTES + raw->head_bytes + raw->body_bytes;
}

static int take_control(struct fy_lane *lane, const Ferry__Peer__Frame *frame, const struct fy_frame *raw,
                        struct fy_error *err)
{
    struct fy_carrier *carrier = lane->carrier;
    int taken = fy_inbox_take_control(&carrier->inbox, frame->control_number, err);
    if (taken < 0)
        return -1;
    if (taken > 0 && !carrier->finishing)
        carrier->session->events->frame(carrier->session, frame, raw->body, raw->body_bytes);
    if (taken == 0)
        carrier->received_again_bytes += wire_bytes_of(raw);
    if (!carrier->ending)
        carrier_owes(carrier, raw->body_bytes);
    return 0;
}

static int take_data(struct fy_lane *lane, const Ferry__Peer__Frame *frame, const struct fy_frame *raw,
                     struct fy_error *err)
{
    struct fy_carrier *carrier = lane->carrier;
    struct fy_session *session = carrier->session;
    bool probe = frame->kind_case == FERRY__PEER__FRAME__KIND_PROBE;
    if (!probe && !session->events->data)
        return fy_error_set(err, FY_E_PROTOCOL, "the peer sent data to a side that takes none");
    int taken = fy_inbox_take_data(&carrier->inbox, frame->data_number, wire_bytes_of(raw), err);
    if (taken < 0)
        return -1;
    if (taken == 0) {
        carrier->received_again_bytes += wire_bytes_of(raw);
        carrier_owes(carrier, 0);
    } else if (probe)
        fy_session_data_kept(session, frame->data_number);
    else if (!carrier->finishing)
        session->events->data(session, frame->data_number, frame, raw);
    return 0;
}

static int take_numbered(struct fy_lane *lane, const Ferry__Peer__Frame *frame, const struct fy_frame *raw,
                         struct fy_error *err)
{
    if (frame->has_control_number == frame->has_data_number)
        return fy_error_set(err, FY_E_PROTOCOL, "the peer sent a frame of kind %d with %s", (int)frame->kind_case,
                            frame->has_data_number ? "two numbers" : "no number");
    return frame->has_data_number ? take_data(lane, frame, raw, err) : take_control(lane, frame, raw, err);
}

static int dispatch(struct fy_lane *lane, const Ferry__Peer__Frame *frame, const struct fy_frame *raw,
                    struct fy_error *err)
{
    struct fy_carrier *carrier = lane->carrier;
    switch (frame->kind_case) {
    case FERRY__PEER__FRAME__KIND_PING:
        return answer_ping(lane, frame->ping, err);
    case FERRY__PEER__FRAME__KIND_PONG:
        take_pong(carrier, frame);
        return 0;
    case FERRY__PEER__FRAME__KIND_FAILURE:
        return take_failure(carrier, frame->failure);
    case FERRY__PEER__FRAME__KIND_BYE:
        return take_bye(carrier);
    case FERRY__PEER__FRAME__KIND_ACK:
        if (carrier_take_ack(carrier, frame->ack, err) < 0)
            return -1;
        carrier_acknowledged(carrier);
        return 0;
    case FERRY__PEER__FRAME__KIND_HELLO:
        return fy_error_set(err, FY_E_PROTOCOL, "the peer said hello twice");
    case FERRY__PEER__FRAME__KIND__NOT_SET:
        return fy_error_set(err, FY_E_PROTOCOL, "the peer sent a frame of a kind this version does not know");
    default:
        return take_numbered(lane, frame, raw, err);
    }
}

void lane_frame(struct fy_link *link, const struct fy_frame *raw, void *data)
{
    (void)link;
    struct fy_lane *lane = data;
    struct fy_carrier *carrier = lane->carrier;
    struct fy_error err = FY_ERROR_INIT;
    ProtobufCMessage *message = fy_frame_unpack_head(raw, &ferry__peer__frame__descriptor, &err);
    if (!message) {
        carrier_end(carrier, &err);
        return;
    }
    const Ferry__Peer__Frame *frame = (const Ferry__Peer__Frame *)message;
    int result = lane->state == FY_LANE_GREETING ? greet(lane, frame, &err) : dispatch(lane, frame, raw, &err);
    if (result < 0)
        carrier_end(carrier, &err);
    protobuf_c_message_free_unpacked(message, NULL);
}
