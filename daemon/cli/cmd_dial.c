/* ferry dial: what sshd runs for a peer; joins the channel with the agent's peer socket. */
#include "commands.h"

#include <ferry/transport/dial.h>
#include <unistd.h>

struct values {
    const char *peer_socket;
};

static const struct cli_option options[] = {
    {"peer-socket", CLI_TEXT, "PATH", "peer socket of ferryd (" CLI_DEFAULT_PEER_SOCKET ")",
     offsetof(struct values, peer_socket), 0},
    {0},
};

static enum cli_exit run(struct cli *cli, int count, char **operands, const void *given)
{
    (void)count;
    (void)operands;
    const struct values *values = given;
    struct fy_error err = FY_ERROR_INIT;
    const char *path = values->peer_socket ? values->peer_socket : CLI_DEFAULT_PEER_SOCKET;
    if (fy_dial_run(path, STDIN_FILENO, STDOUT_FILENO, &err) == 0)
        return CLI_DONE;
    cli->json = false; /* standard output belongs to the peer */
    cli_report(cli, &err);
    return err.code == FY_E_UNREACHABLE ? CLI_NO_AGENT : CLI_FAILED;
}

const struct cli_command cmd_dial = {
    .name = "dial",
    .operands = "",
    .summary = "Join standard input and output with ferryd's peer socket, for sshd",
    .description = "The line in authorized_keys of the user that peers log in as:\n"
                   "  restrict,command=\"ferry dial\" ssh-ed25519 AAAA... peer-a",
    .options = options,
    .values_bytes = sizeof(struct values),
    .run = run,
};
