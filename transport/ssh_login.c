/* The middle phases of an SSH connection: keys are exchanged, we log in, the peer's `ferry dial` is started. Each is a
 * libssh2 call repeated until it is done, with a wait in between. */
#include "ssh_agent.h"
#include "ssh_hosts.h"
#include "ssh_text.h"
#include <errno.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Fastest first where the hardware has AES; libssh2 drops what it does not know. */
#define CIPHERS                                                                                                        \
    "aes128-gcm@openssh.com,aes256-gcm@openssh.com,aes128-ctr,aes192-ctr,aes256-ctr,chacha20-poly1305@openssh.com"
#define MACS "hmac-sha2-256-etm@openssh.com,hmac-sha2-256,hmac-sha2-512-etm@openssh.com,hmac-sha2-512"
/* The forced command runs instead; without one this asks for the same. */
#define REMOTE_COMMAND "ferry dial"
/* What may be on its way to us unread. At a round trip of 20 ms this carries 200 MB/s. */
#define WINDOW_BYTES (4u * 1024u * 1024u)
#define METHODS_BYTES FY_SSH_METHODS_BYTES
#define PUBLIC_KEY_LIMIT_BYTES (16u * 1024u)

/* --- keys ------------------------------------------------------------------------------------------------------- */

static bool is_listed(const char *name, size_t length, const char *const *names, int count)
{
    for (int i = 0; i < count; i++)
        if (strlen(names[i]) == length && memcmp(names[i], name, length) == 0)
            return true;
    return false;
}

/* The methods of `wanted` that the installed libssh2 has, in the same order. (It would drop the others itself, but
 * with memory copied onto itself.) */
static int keep_supported(struct fy_ssh_conn *conn, int kind, const char *wanted, char kept[METHODS_BYTES],
                          struct fy_error *err)
{
    const char **names = NULL;
    int count = libssh2_session_supported_algs(conn->session, kind, &names);
    if (count < 0)
        return fy_ssh_conn_explain(conn, count, err);
    size_t used = 0;
    kept[0] = '\0';
    while (*wanted) {
        size_t length = strcspn(wanted, ",");
        if (is_listed(wanted, length, names, count))
            used += (size_t)snprintf(kept + used, METHODS_BYTES - used, "%s%.*s", used ? "," : "", (int)length, wanted);
        wanted += length;
        wanted += *wanted == ',';
    }
    libssh2_free(conn->session, names);
    return 0;
}

static int set_preference(struct fy_ssh_conn *conn, int kind, const char *wanted, struct fy_error *err)
{
    char kept[METHODS_BYTES];
    if (keep_supported(conn, kind, wanted, kept, err))
        return -1;
    if (!*kept)
        return fy_error_set(err, kind == LIBSSH2_METHOD_HOSTKEY ? FY_E_HOSTKEY : FY_E_UNSUPPORTED,
                            "%s: the installed libssh2 has none of: %s", conn->target->name, wanted);
    int code = libssh2_session_method_pref(conn->session, kind, kept);
    return code ? fy_ssh_conn_explain(conn, code, err) : 0;
}

static int set_preferences(struct fy_ssh_conn *conn, struct fy_error *err)
{
    char host_keys[FY_SSH_METHODS_BYTES];
    fy_ssh_hosts_methods(conn->hosts, host_keys);
    const struct {
        int kind;
        const char *wanted;
    } preferences[] = {
        {LIBSSH2_METHOD_HOSTKEY, host_keys}, {LIBSSH2_METHOD_CRYPT_CS, CIPHERS}, {LIBSSH2_METHOD_CRYPT_SC, CIPHERS},
        {LIBSSH2_METHOD_MAC_CS, MACS},       {LIBSSH2_METHOD_MAC_SC, MACS},
    };
    for (size_t i = 0; i < FY_ARRAY_SIZE(preferences); i++)
        if (set_preference(conn, preferences[i].kind, preferences[i].wanted, err))
            return -1;
    return 0;
}

/* The server and we have no algorithm in common: with pinned keys that is nearly always the type of the key. */
static int explain_no_common(const struct fy_ssh_conn *conn, struct fy_error *err)
{
    char host_keys[FY_SSH_METHODS_BYTES];
    const struct fy_ssh_target *target = conn->target;
    fy_ssh_hosts_methods(conn->hosts, host_keys);
    (void)fy_error_set(err, FY_E_HOSTKEY,
                       "%s: no algorithm in common; the server offers no host key of the types pinned in %s (%s)",
                       target->name, target->known_hosts, host_keys);
    return fy_error_next(err,
                         "see that the host still has those keys; pin another of its keys after comparing it: "
                         "ssh-keyscan -t ed25519 -p %u %s >> %s",
                         target->port, target->host, target->known_hosts);
}

int fy_ssh_exchange_keys(struct fy_ssh_conn *conn, struct fy_error *err)
{
    conn->doing = "exchanging keys";
    if (fy_ssh_conn_start_session(conn, err) || fy_ssh_hosts_load(conn, conn->hosts, err) || set_preferences(conn, err))
        return -1;
    int code;
    while ((code = libssh2_session_handshake(conn->session, conn->fd)) == LIBSSH2_ERROR_EAGAIN)
        if (fy_ssh_conn_wait(conn, err))
            return -1;
    bool cut = conn->socket_ended || conn->socket_errno;
    bool no_common = code == LIBSSH2_ERROR_KEX_FAILURE || code == LIBSSH2_ERROR_KEY_EXCHANGE_FAILURE;
    if (no_common && !cut && fy_ssh_hosts_any_pinned(conn->hosts))
        return explain_no_common(conn, err);
    return code ? fy_ssh_conn_explain(conn, code, err) : 0;
}

/* --- logging in ------------------------------------------------------------------------------------------------- */

static bool was_refused(const struct fy_ssh_conn *conn, int code)
{
    bool refusal = code == LIBSSH2_ERROR_AUTHENTICATION_FAILED || code == LIBSSH2_ERROR_PUBLICKEY_UNVERIFIED;
    return refusal && !conn->socket_ended && !conn->socket_errno && !conn->disconnect_text[0];
}

/* `public_key` is "TYPE BASE64", or a command that prints it when it would not fit. */
static int refuse_login(const struct fy_ssh_conn *conn, const char *public_key, struct fy_error *err)
{
    const struct fy_ssh_target *target = conn->target;
    (void)fy_error_set(err, FY_E_AUTH, "%s: the server does not accept our key (%s) for user %s", target->name,
                       target->key_file ? target->key_file : "from the SSH agent", target->user);
    return fy_error_next(err, "add this line to ~%s/.ssh/authorized_keys on %s: restrict,command=\"ferry dial\" %s",
                         target->user, target->host, public_key);
}

/* The public half of the key file for the advice: from the .pub file beside it. */
static void describe_public_key(const char *key_file, char *text, size_t size)
{
    FY_AUTO_FREE char *path = NULL;
    FY_AUTO_FREE char *content = NULL;
    (void)snprintf(text, size, "$(ssh-keygen -y -f %s)", key_file);
    if (asprintf(&path, "%s.pub", key_file) < 0) {
        path = NULL;
        return;
    }
    if (fy_fs_read_file(path, PUBLIC_KEY_LIMIT_BYTES, &content, NULL, NULL))
        return;
    content[strcspn(content, "\r\n")] = '\0';
    if (*content && strlen(content) < size)
        (void)snprintf(text, size, "%s", content);
}

static int explain_key_file(const struct fy_ssh_conn *conn, struct fy_error *err)
{
    const struct fy_ssh_target *target = conn->target;
    if (access(target->key_file, R_OK))
        (void)fy_error_set(err, FY_E_AUTH, "%s: cannot read the key file %s: %s", target->name, target->key_file,
                           strerrordesc_np(errno));
    else
        (void)fy_error_set(err, FY_E_AUTH,
                           "%s: the key file %s is not a private key without passphrase that the "
                           "installed libssh2 can use",
                           target->name, target->key_file);
    return fy_error_next(err, "make one with: ssh-keygen -t ed25519 -N '' -f %s", target->key_file);
}

static int log_in_with_file(struct fy_ssh_conn *conn, struct fy_error *err)
{
    const struct fy_ssh_target *target = conn->target;
    int code;
    while ((code = libssh2_userauth_publickey_fromfile_ex(conn->session, target->user, (unsigned)strlen(target->user),
                                                          NULL, target->key_file, NULL)) == LIBSSH2_ERROR_EAGAIN)
        if (fy_ssh_conn_wait(conn, err))
            return -1;
    if (code == 0)
        return 0;
    if (code == LIBSSH2_ERROR_FILE || code == LIBSSH2_ERROR_METHOD_NONE)
        return explain_key_file(conn, err);
    if (!was_refused(conn, code))
        return fy_ssh_conn_explain(conn, code, err);
    char public_key[300];
    describe_public_key(target->key_file, public_key, sizeof(public_key));
    return refuse_login(conn, public_key, err);
}

/* 0 logged in, 1 this identity was refused, -1 with an error. */
static int try_identity(struct fy_ssh_conn *conn, struct fy_ssh_agent *agent, struct fy_error *err)
{
    void *context = agent;
    int code;
    while ((code = libssh2_userauth_publickey(conn->session, conn->target->user, agent->current->blob,
                                              agent->current->blob_bytes, fy_ssh_agent_sign, &context)) ==
           LIBSSH2_ERROR_EAGAIN)
        if (fy_ssh_conn_wait(conn, err))
            return -1;
    if (code == 0)
        return 0;
    if (fy_error_is_set(&agent->error)) {
        fy_error_propagate(err, &agent->error);
        return -1;
    }
    return was_refused(conn, code) ? 1 : fy_ssh_conn_explain(conn, code, err);
}

static int log_in_with_identities(struct fy_ssh_conn *conn, struct fy_ssh_agent *agent, struct fy_error *err)
{
    int result = 1;
    for (size_t i = 0; i < agent->identity_count && result > 0; i++) {
        agent->current = &agent->identities[i];
        conn->doing = "logging in with the SSH agent's keys";
        result = try_identity(conn, agent, err);
    }
    return result > 0 ? refuse_login(conn, "followed by one of the keys that ssh-add -L prints", err) : result;
}

int fy_ssh_log_in(struct fy_ssh_conn *conn, struct fy_error *err)
{
    conn->doing = "logging in";
    if (conn->target->key_file)
        return log_in_with_file(conn, err);
    struct fy_ssh_agent agent;
    int result = fy_ssh_agent_open(&agent, conn, err);
    if (!result)
        result = log_in_with_identities(conn, &agent, err);
    fy_ssh_agent_done(&agent);
    return result;
}

/* --- the channel ------------------------------------------------------------------------------------------------ */

static int open_session_channel(struct fy_ssh_conn *conn, struct fy_error *err)
{
    while (!(conn->channel = libssh2_channel_open_ex(conn->session, "session", sizeof("session") - 1, WINDOW_BYTES,
                                                     LIBSSH2_CHANNEL_PACKET_DEFAULT, NULL, 0))) {
        int code = libssh2_session_last_errno(conn->session);
        if (code != LIBSSH2_ERROR_EAGAIN)
            return fy_ssh_conn_explain(conn, code, err);
        if (fy_ssh_conn_wait(conn, err))
            return -1;
    }
    return 0;
}

int fy_ssh_open_channel(struct fy_ssh_conn *conn, struct fy_error *err)
{
    conn->doing = "starting `" REMOTE_COMMAND "` on the peer";
    if (open_session_channel(conn, err))
        return -1;
    int code;
    while ((code = libssh2_channel_process_startup(conn->channel, "exec", sizeof("exec") - 1, REMOTE_COMMAND,
                                                   sizeof(REMOTE_COMMAND) - 1)) == LIBSSH2_ERROR_EAGAIN)
        if (fy_ssh_conn_wait(conn, err))
            return -1;
    return code ? fy_ssh_conn_explain(conn, code, err) : 0;
}
