/* Words that sessions exchange: features, and failures. */
#include "session_internal.h"
#include <ferry/base/cleanup.h>
#include <ferry/base/text.h>
#include <stdlib.h>
#include <string.h>

/* A peer that has more to say for itself says nothing that we know. */
#define MAX_FEATURES 64u
#define MAX_FEATURE_BYTES 32u

const struct fy_protocol *session_protocol(const struct fy_carrier *carrier)
{
    static const char *const features[] = {FY_FEATURE_LANES, FY_FEATURE_PROBE};
    static const struct fy_protocol ours = {
        .major = FY_PROTOCOL_MAJOR,
        .minor = FY_PROTOCOL_MINOR,
        .features = features,
        .feature_count = FY_ARRAY_SIZE(features),
    };
    return carrier->options.protocol ? carrier->options.protocol : &ours;
}

bool session_has_own_feature(const struct fy_carrier *carrier, const char *feature)
{
    const struct fy_protocol *protocol = session_protocol(carrier);
    for (size_t i = 0; i < protocol->feature_count; i++)
        if (strcmp(protocol->features[i], feature) == 0)
            return true;
    return false;
}

int session_copy_features(struct fy_carrier *carrier, const Ferry__Peer__Hello *hello, struct fy_error *err)
{
    size_t count = hello->n_features < MAX_FEATURES ? hello->n_features : MAX_FEATURES;
    carrier->peer_features = calloc(count ? count : 1, sizeof(*carrier->peer_features));
    if (!carrier->peer_features)
        return fy_error_set(err, FY_E_NOMEM, "no memory for the peer's features");
    for (size_t i = 0; i < count; i++) {
        char *feature = strndup(hello->features[i], MAX_FEATURE_BYTES);
        if (!feature)
            return fy_error_set(err, FY_E_NOMEM, "no memory for the peer's features");
        carrier->peer_features[carrier->peer_feature_count++] = feature;
    }
    return 0;
}

void fy_session_fill_failure(Ferry__Peer__Failure *failure, const struct fy_error *err)
{
    failure->code = (char *)fy_code_name(err->code);
    failure->message = (char *)err->message;
    failure->next = err->next[0] ? (char *)err->next : NULL;
}

void fy_session_failure_to_error(const Ferry__Peer__Failure *failure, const char *peer, struct fy_error *err)
{
    FY_AUTO_FREE char *message = fy_text_printable(failure->message, strnlen(failure->message, 800));
    FY_AUTO_FREE char *next = failure->next ? fy_text_printable(failure->next, strnlen(failure->next, 500)) : NULL;
    enum fy_code code = fy_code_from_name(failure->code);
    fy_error_set(err, code == FY_OK ? FY_E_REMOTE : code, "%s: %s", peer, message ? message : "(no memory for it)");
    if (next)
        fy_error_next(err, "%s", next);
}
