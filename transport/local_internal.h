/* What the listener needs of local links. */
#ifndef FERRY_TRANSPORT_LOCAL_INTERNAL_H
#define FERRY_TRANSPORT_LOCAL_INTERNAL_H

#include <ferry/transport/local.h>

/* How many links of one listener live. It outlives the listener, since accepted links may. */
struct fy_link_quota {
    unsigned references; /* the listener and each link */
    uint32_t links;      /* admitted and not closed yet */
    uint32_t max_links;
};

void fy_link_quota_drop(struct fy_link_quota *quota);

/* A link for the next connection waiting at `server`; it holds a reference to `quota`. It has no events and reads
 * nothing until fy_link_set_events() and the next turn of the loop. */
int fy_local_accept(uv_stream_t *server, struct fy_link_quota *quota, struct fy_link **link, struct fy_error *err);
/* Counts it, and puts who is connected into its description. */
void fy_local_admit(struct fy_link *link, const char *path, uid_t uid, pid_t pid);
/* The link's socket, for looking at its peer. */
int fy_local_fd(struct fy_link *link);
/* The link's owner has been told; it may carry bytes. */
void fy_local_start(struct fy_link *link);
/* True when nobody took the link over in the accept callback. */
bool fy_local_is_orphan(const struct fy_link *link);

#endif
