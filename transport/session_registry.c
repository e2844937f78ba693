/* The sessions that further lanes may join, by token. */
#include "session_internal.h"
#include <stdlib.h>

struct fy_session_registry {
    struct fy_carrier *first;
};

struct fy_session_registry *fy_session_registry_new(struct fy_error *err)
{
    struct fy_session_registry *registry = calloc(1, sizeof(*registry));
    if (!registry)
        (void)fy_error_set(err, FY_E_NOMEM, "no memory for the list of sessions");
    return registry;
}

void fy_session_registry_free(struct fy_session_registry *registry)
{
    free(registry);
}

void registry_add(struct fy_session_registry *registry, struct fy_carrier *carrier)
{
    carrier->registry = registry;
    carrier->registry_next = registry->first;
    registry->first = carrier;
}

void registry_remove(struct fy_carrier *carrier)
{
    if (!carrier->registry)
        return;
    struct fy_carrier **at = &carrier->registry->first;
    while (*at != carrier)
        at = &(*at)->registry_next;
    *at = carrier->registry_next;
    carrier->registry = NULL;
}

/* Takes the same time wherever the difference is. */
static bool equals(const uint8_t *token, const uint8_t *other)
{
    uint8_t difference = 0;
    for (size_t i = 0; i < FY_SESSION_TOKEN_BYTES; i++)
        difference |= token[i] ^ other[i];
    return difference == 0;
}

struct fy_carrier *registry_find(const struct fy_session_registry *registry, const ProtobufCBinaryData *token)
{
    if (!registry || token->len != FY_SESSION_TOKEN_BYTES)
        return NULL;
    for (struct fy_carrier *carrier = registry->first; carrier; carrier = carrier->registry_next)
        if (equals(carrier->token, token->data))
            return carrier;
    return NULL;
}
