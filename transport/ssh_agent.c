/* Asking the SSH agent for its keys and for signatures: one request, one answer, each within the login's deadline. */
#include "ssh_agent.h"
#include "ssh_text.h"
#include <errno.h>
#include <ferry/base/cleanup.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define ANSWER_LIMIT_BYTES (256u * 1024u)
#define IDENTITY_LIMIT 64u

/* Message numbers and flags of the agent protocol. */
enum { REQUEST_IDENTITIES = 11, IDENTITIES_ANSWER = 12, SIGN_REQUEST = 13, SIGN_RESPONSE = 14 };
enum { SIGN_RSA_SHA2_256 = 2, SIGN_RSA_SHA2_512 = 4 };

static uint8_t *put_u32(uint8_t *at, size_t value)
{
    at[0] = (uint8_t)(value >> 24);
    at[1] = (uint8_t)(value >> 16);
    at[2] = (uint8_t)(value >> 8);
    at[3] = (uint8_t)value;
    return at + 4;
}

static uint8_t *put_string(uint8_t *at, const uint8_t *data, size_t size)
{
    at = put_u32(at, size);
    memcpy(at, data, size);
    return at + size;
}

static int fail(const struct fy_ssh_agent *agent, const char *what, struct fy_error *err)
{
    const struct fy_ssh_target *target = agent->conn->target;
    (void)fy_error_set(err, FY_E_AUTH, "%s: the SSH agent at %s: %s", target->name,
                       target->agent_socket ? target->agent_socket : "(none)", what);
    return fy_error_next(err, "start ssh-agent, add the key (ssh-add) and give ferryd its SSH_AUTH_SOCK; or name a key "
                              "file in the configuration");
}

/* --- one exchange ----------------------------------------------------------------------------------------------- */

static int wait_ready(struct fy_ssh_agent *agent, short events, struct fy_error *err)
{
    struct fy_ssh_conn *conn = agent->conn;
    int ready = fy_ssh_conn_wait_fd(conn, agent->fd, events, conn->deadline_ns, err);
    if (ready == 0)
        return fy_ssh_conn_explain_late(conn, err);
    return ready < 0 ? -1 : 0;
}

static int send_all(struct fy_ssh_agent *agent, const uint8_t *data, size_t size, struct fy_error *err)
{
    while (size > 0) {
        ssize_t put = send(agent->fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (put < 0 && errno != EAGAIN && errno != EINTR)
            return fail(agent, strerrordesc_np(errno), err);
        if (put < 0) {
            if (wait_ready(agent, POLLOUT, err))
                return -1;
            continue;
        }
        data += put;
        size -= (size_t)put;
    }
    return 0;
}

static int receive_all(struct fy_ssh_agent *agent, uint8_t *data, size_t size, struct fy_error *err)
{
    while (size > 0) {
        ssize_t got = recv(agent->fd, data, size, MSG_DONTWAIT);
        if (got == 0)
            return fail(agent, "it closed the connection", err);
        if (got < 0 && errno != EAGAIN && errno != EINTR)
            return fail(agent, strerrordesc_np(errno), err);
        if (got < 0) {
            if (wait_ready(agent, POLLIN, err))
                return -1;
            continue;
        }
        data += got;
        size -= (size_t)got;
    }
    return 0;
}

/* Sends a complete message and receives the answer, whose type must be `expected`. */
static int exchange(struct fy_ssh_agent *agent, const uint8_t *message, size_t size, uint8_t expected,
                    struct fy_error *err)
{
    uint8_t prefix[4];
    if (send_all(agent, message, size, err) || receive_all(agent, prefix, sizeof(prefix), err))
        return -1;
    size_t length = (size_t)prefix[0] << 24 | (size_t)prefix[1] << 16 | (size_t)prefix[2] << 8 | prefix[3];
    if (length == 0 || length > ANSWER_LIMIT_BYTES)
        return fail(agent, "its answer has an impossible length", err);
    free(agent->answer);
    agent->answer_bytes = 0;
    agent->answer = malloc(length);
    if (!agent->answer)
        return fy_error_set(err, FY_E_NOMEM, "no memory for an answer of the SSH agent");
    if (receive_all(agent, agent->answer, length, err))
        return -1;
    agent->answer_bytes = length;
    return agent->answer[0] == expected ? 0 : fail(agent, "it refused", err);
}

/* --- identities ------------------------------------------------------------------------------------------------- */

/* libssh2 before 1.11 signs with RSA in SHA-1 only, which servers refuse: each try would count as a failure. */
static bool is_usable(const uint8_t *blob, size_t size)
{
    const uint8_t *at = blob;
    size_t length;
    const uint8_t *type = fy_ssh_read_string(&at, blob + size, &length);
    if (!type)
        return false;
    bool rsa = length == 7 && memcmp(type, "ssh-rsa", 7) == 0;
    return !rsa || libssh2_version(0x010b00) != NULL;
}

static int add_identity(struct fy_ssh_agent *agent, const uint8_t *blob, size_t size, struct fy_error *err)
{
    if (!is_usable(blob, size))
        return 0;
    struct fy_ssh_identity *identity = &agent->identities[agent->identity_count];
    identity->blob = malloc(size);
    if (!identity->blob)
        return fy_error_set(err, FY_E_NOMEM, "no memory for the SSH agent's keys");
    memcpy(identity->blob, blob, size);
    identity->blob_bytes = size;
    agent->identity_count++;
    return 0;
}

static int read_identities(struct fy_ssh_agent *agent, struct fy_error *err)
{
    const uint8_t *at = agent->answer + 5;
    const uint8_t *end = agent->answer + agent->answer_bytes;
    agent->identities = calloc(IDENTITY_LIMIT, sizeof(*agent->identities));
    if (!agent->identities)
        return fy_error_set(err, FY_E_NOMEM, "no memory for the SSH agent's keys");
    while (at < end && agent->identity_count < IDENTITY_LIMIT) {
        size_t blob_bytes, comment_bytes;
        const uint8_t *blob = fy_ssh_read_string(&at, end, &blob_bytes);
        if (!blob || !fy_ssh_read_string(&at, end, &comment_bytes))
            return fail(agent, "its list of keys is broken", err);
        if (add_identity(agent, blob, blob_bytes, err))
            return -1;
    }
    return agent->identity_count > 0 ? 0 : fail(agent, "it holds no key that can be used", err);
}

static int connect_agent(struct fy_ssh_agent *agent, struct fy_error *err)
{
    const char *path = agent->conn->target->agent_socket;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (!path || !*path)
        return fail(agent, "SSH_AUTH_SOCK is not set", err);
    if (strlen(path) >= sizeof(address.sun_path))
        return fail(agent, "the path is too long", err);
    memcpy(address.sun_path, path, strlen(path));
    agent->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (agent->fd < 0 || connect(agent->fd, (const struct sockaddr *)&address, sizeof(address)))
        return fail(agent, strerrordesc_np(errno), err);
    return 0;
}

int fy_ssh_agent_open(struct fy_ssh_agent *agent, struct fy_ssh_conn *conn, struct fy_error *err)
{
    static const uint8_t request[] = {0, 0, 0, 1, REQUEST_IDENTITIES};
    *agent = (struct fy_ssh_agent){.conn = conn, .fd = -1};
    conn->doing = "asking the SSH agent";
    if (connect_agent(agent, err) || exchange(agent, request, sizeof(request), IDENTITIES_ANSWER, err))
        return -1;
    if (agent->answer_bytes < 5)
        return fail(agent, "its list of keys is broken", err);
    return read_identities(agent, err);
}

void fy_ssh_agent_done(struct fy_ssh_agent *agent)
{
    for (size_t i = 0; i < agent->identity_count; i++)
        free(agent->identities[i].blob);
    free(agent->identities);
    free(agent->answer);
    if (agent->fd >= 0)
        (void)close(agent->fd);
}

/* --- signatures ------------------------------------------------------------------------------------------------- */

/* Which hash the agent is to use with an RSA key: the one of the algorithm named in what is to be signed (RFC 4252,
 * section 7: session id, message number, user, service, method, flag, algorithm, key). */
static size_t sign_flags(const uint8_t *data, size_t size)
{
    const uint8_t *at = data;
    const uint8_t *end = data + size;
    size_t length;
    if (!fy_ssh_read_string(&at, end, &length) || at++ == end)
        return 0;
    for (int i = 0; i < 3; i++)
        if (!fy_ssh_read_string(&at, end, &length))
            return 0;
    if (at++ == end)
        return 0;
    const uint8_t *algorithm = fy_ssh_read_string(&at, end, &length);
    if (!algorithm || length != 12)
        return 0;
    return memcmp(algorithm, "rsa-sha2-512", 12) == 0   ? SIGN_RSA_SHA2_512
           : memcmp(algorithm, "rsa-sha2-256", 12) == 0 ? SIGN_RSA_SHA2_256
                                                        : 0;
}

static int request_signature(struct fy_ssh_agent *agent, const uint8_t *data, size_t size)
{
    const struct fy_ssh_identity *identity = agent->current;
    size_t length = 1 + 4 + identity->blob_bytes + 4 + size + 4;
    FY_AUTO_FREE uint8_t *message = malloc(4 + length);
    if (!message)
        return fy_error_set(&agent->error, FY_E_NOMEM, "no memory to ask the SSH agent");
    uint8_t *at = put_u32(message, length);
    *at++ = SIGN_REQUEST;
    at = put_string(at, identity->blob, identity->blob_bytes);
    at = put_string(at, data, size);
    (void)put_u32(at, sign_flags(data, size));
    return exchange(agent, message, 4 + length, SIGN_RESPONSE, &agent->error);
}

/* The signature proper within the answer: string { string algorithm, string signature }. */
static const uint8_t *find_signature(const struct fy_ssh_agent *agent, size_t *size)
{
    const uint8_t *at = agent->answer + 1;
    size_t length;
    const uint8_t *inner = fy_ssh_read_string(&at, agent->answer + agent->answer_bytes, &length);
    if (!inner)
        return NULL;
    const uint8_t *end = inner + length;
    if (!fy_ssh_read_string(&inner, end, &length))
        return NULL;
    return fy_ssh_read_string(&inner, end, size);
}

LIBSSH2_USERAUTH_PUBLICKEY_SIGN_FUNC(fy_ssh_agent_sign)
{
    struct fy_ssh_agent *agent = *abstract;
    size_t size = 0;
    if (request_signature(agent, data, data_len))
        return LIBSSH2_ERROR_AGENT_PROTOCOL;
    const uint8_t *signature = find_signature(agent, &size);
    if (!signature) {
        (void)fail(agent, "its signature is broken", &agent->error);
        return LIBSSH2_ERROR_AGENT_PROTOCOL;
    }
    /* libssh2 gives it back through the session's allocator. */
    *sig = fy_ssh_conn_alloc(session, size);
    if (!*sig)
        return LIBSSH2_ERROR_ALLOC;
    memcpy(*sig, signature, size);
    *sig_len = size;
    return 0;
}
