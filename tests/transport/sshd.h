/* A real sshd on loopback with keys, configuration and port of its own. */
#ifndef TESTS_TRANSPORT_SSHD_H
#define TESTS_TRANSPORT_SSHD_H

#include <ferry/transport/ssh.h>
#include <signal.h>
#include <sys/types.h>

struct sshd {
    char directory[64];
    char key_file[96];
    char known_hosts[96];
    char user[33];
    uint16_t port;
    int port_holder;
    pid_t pid;
};

/* Starts it. `command` is the forced command; `config` further lines of sshd_config, or "". The known_hosts file pins
 * all host keys under [127.0.0.1]:port. */
void sshd_start(struct sshd *sshd, const char *command, const char *config);
/* Ends it and removes its files. Sessions that are left are ended too. */
void sshd_stop(struct sshd *sshd);
/* Signals the processes of all sessions in the middle of what they do. Returns how many there were. */
unsigned sshd_signal_sessions(const struct sshd *sshd, int signal);
/* Options that reach it, to be changed by the test. */
struct fy_ssh_options sshd_options(const struct sshd *sshd);
/* Makes an ed25519 key pair. */
void sshd_make_key(const char *path);
/* Runs a command line and waits; aborts when it fails. */
__attribute__((format(printf, 1, 2))) void run_command(const char *format, ...);
/* A listening TCP socket on loopback and its port. */
int listen_on_loopback(uint16_t *port);
/* A port on loopback at which nobody listens, and which nobody else is given while the socket is open. */
int hold_port_on_loopback(uint16_t *port);

#endif
