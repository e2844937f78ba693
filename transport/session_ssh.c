/* Sessions whose lanes are SSH connections. */
#include <ferry/transport/session.h>
#include <stdlib.h>
#include <string.h>

/* The options with strings of its own. */
struct ssh_dialer {
    struct fy_ssh_options options;
    char *host;
    char *user;
    char *key_file;
    char *known_hosts;
};

static void dialer_free(void *data)
{
    struct ssh_dialer *dialer = data;
    free(dialer->host);
    free(dialer->user);
    free(dialer->key_file);
    free(dialer->known_hosts);
    free(dialer);
}

static int dial(uv_loop_t *loop, void *data, const struct fy_link_events *events, void *events_data,
                struct fy_link **link, struct fy_error *err)
{
    const struct ssh_dialer *dialer = data;
    return fy_ssh_connect(loop, &dialer->options, events, events_data, link, err);
}

static struct ssh_dialer *dialer_new(const struct fy_ssh_options *options, struct fy_error *err)
{
    struct ssh_dialer *dialer = calloc(1, sizeof(*dialer));
    if (!dialer) {
        (void)fy_error_set(err, FY_E_NOMEM, "no memory for a session");
        return NULL;
    }
    dialer->options = *options;
    dialer->options.host = dialer->host = options->host ? strdup(options->host) : NULL;
    dialer->options.user = dialer->user = options->user ? strdup(options->user) : NULL;
    dialer->options.key_file = dialer->key_file = options->key_file ? strdup(options->key_file) : NULL;
    dialer->options.known_hosts = dialer->known_hosts = options->known_hosts ? strdup(options->known_hosts) : NULL;
    if (options->key_file && !dialer->key_file) {
        (void)fy_error_set(err, FY_E_NOMEM, "no memory for a session");
        dialer_free(dialer);
        return NULL;
    }
    return dialer;
}

int fy_session_connect_ssh(struct fy_session *session, const struct fy_ssh_options *options, struct fy_error *err)
{
    struct ssh_dialer *ssh = dialer_new(options, err);
    if (!ssh)
        return -1;
    struct fy_dialer dialer = {.dial = dial, .done = dialer_free, .data = ssh};
    return fy_session_connect(session, &dialer, err);
}
