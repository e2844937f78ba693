/* See sshd.h. */
#include "sshd.h"
#include "fork_child.h"
#include <arpa/inet.h>
#include <dirent.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#define SSHD "/usr/sbin/sshd"

static void die(const char *what)
{
    (void)fprintf(stderr, "test set-up failed: %s\n", what);
    abort();
}

void run_command(const char *format, ...)
{
    char command[1024];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(command, sizeof(command), format, arguments);
    va_end(arguments);
    if (system(command) != 0) /* NOLINT(cert-env33-c): fixed commands of the tests */
        die(command);
}

void sshd_make_key(const char *path)
{
    run_command("ssh-keygen -q -t ed25519 -N '' -f %s", path);
}

/* sshd, which also says that it would share, can bind to the port all the same. */
int hold_port_on_loopback(uint16_t *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int yes = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) ||
        getsockname(fd, (struct sockaddr *)&address, &size))
        die("a port on loopback");
    *port = ntohs(address.sin_port);
    return fd;
}

int listen_on_loopback(uint16_t *port)
{
    int fd = hold_port_on_loopback(port);
    if (listen(fd, 8))
        die("listening on loopback");
    return fd;
}

static void nap(void)
{
    (void)nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
}

static bool answers(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    FY_AUTO_CLOSE int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
}

/* The sessions' home is sshd's own directory: what a user's shell does when it starts is no part of the tests. */
static void write_files(struct sshd *sshd, const char *command, const char *config)
{
    char text[4096], path[128];
    FY_AUTO_FREE char *public_key = NULL;
    (void)snprintf(path, sizeof(path), "%s.pub", sshd->key_file);
    if (fy_fs_read_file(path, 4096, &public_key, NULL, NULL))
        die(path);
    (void)snprintf(text, sizeof(text), "restrict,command=\"%s\" %s", command, public_key);
    (void)snprintf(path, sizeof(path), "%s/authorized_keys", sshd->directory);
    if (fy_fs_write_file(path, text, strlen(text), 0600, NULL))
        die(path);
    (void)snprintf(
        text, sizeof(text),
        "Port %u\nListenAddress 127.0.0.1\nHostKey %s/host_ed25519\nHostKey %s/host_ecdsa\n"
        "AuthorizedKeysFile %s/authorized_keys\nStrictModes no\nUsePAM no\nPidFile none\n"
        "SetEnv HOME=%s\nPermitRootLogin yes\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n%s\n",
        sshd->port, sshd->directory, sshd->directory, sshd->directory, sshd->directory, config);
    (void)snprintf(path, sizeof(path), "%s/sshd_config", sshd->directory);
    if (fy_fs_write_file(path, text, strlen(text), 0600, NULL))
        die(path);
    run_command("for k in ed25519 ecdsa; do sed 's/^/[127.0.0.1]:%u /' %s/host_$k.pub; done > %s", sshd->port,
                sshd->directory, sshd->known_hosts);
}

static void exec_sshd(const struct sshd *sshd)
{
    char config[128];
    (void)snprintf(config, sizeof(config), "%s/sshd_config", sshd->directory);
    (void)setpgid(0, 0);
    execl(SSHD, SSHD, "-D", "-f", config, "-E", "/dev/null", (char *)NULL);
    _exit(127);
}

void sshd_start(struct sshd *sshd, const char *command, const char *config)
{
    *sshd = (struct sshd){.directory = "/tmp/ferry-sshd-XXXXXX"};
    sshd->port_holder = hold_port_on_loopback(&sshd->port);
    if (!mkdtemp(sshd->directory))
        die(sshd->directory);
    /* sshd's place for its unprivileged half; the distribution makes it at boot. */
    if (geteuid() == 0)
        (void)mkdir("/run/sshd", 0755);
    (void)snprintf(sshd->user, sizeof(sshd->user), "%.32s", getpwuid(geteuid())->pw_name);
    (void)snprintf(sshd->key_file, sizeof(sshd->key_file), "%s/id_ed25519", sshd->directory);
    (void)snprintf(sshd->known_hosts, sizeof(sshd->known_hosts), "%s/known_hosts", sshd->directory);
    sshd_make_key(sshd->key_file);
    run_command("ssh-keygen -q -t ed25519 -N '' -f %s/host_ed25519", sshd->directory);
    run_command("ssh-keygen -q -t ecdsa -N '' -f %s/host_ecdsa", sshd->directory);
    write_files(sshd, command, config);
    sshd->pid = fork_child();
    if (sshd->pid == 0)
        exec_sshd(sshd);
    for (int i = 0; i < 6000 && !answers(sshd->port); i++)
        nap();
    if (!answers(sshd->port))
        die("sshd does not answer");
}

/* --- sessions: the processes below sshd ------------------------------------------------------------------------- */

static pid_t parent_of(pid_t pid)
{
    char path[32], text[512];
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    FY_AUTO_FCLOSE FILE *file = fopen(path, "re");
    size_t got = file ? fread(text, 1, sizeof(text) - 1, file) : 0;
    text[got] = '\0';
    const char *after_name = strrchr(text, ')');
    return after_name && strlen(after_name) > 4 ? (pid_t)strtol(after_name + 4, NULL, 10) : 0;
}

static bool is_below(pid_t pid, pid_t ancestor)
{
    for (int depth = 0; depth < 16 && pid > 1; depth++) {
        pid = parent_of(pid);
        if (pid == ancestor)
            return true;
    }
    return false;
}

unsigned sshd_signal_sessions(const struct sshd *sshd, int signal)
{
    pid_t found[64];
    unsigned count = 0;
    DIR *directory = opendir("/proc");
    struct dirent *entry;
    while (directory && (entry = readdir(directory)) && count < FY_ARRAY_SIZE(found)) {
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        if (pid > 1 && is_below(pid, sshd->pid))
            found[count++] = pid;
    }
    if (directory)
        (void)closedir(directory);
    for (unsigned i = 0; i < count; i++)
        (void)kill(found[i], signal);
    return count;
}

void sshd_stop(struct sshd *sshd)
{
    (void)sshd_signal_sessions(sshd, SIGKILL);
    (void)kill(sshd->pid, SIGKILL);
    (void)waitpid(sshd->pid, NULL, 0);
    (void)close(sshd->port_holder);
    (void)fy_fs_remove_tree(sshd->directory, NULL);
}

struct fy_ssh_options sshd_options(const struct sshd *sshd)
{
    return (struct fy_ssh_options){
        .host = "127.0.0.1",
        .port = sshd->port,
        .user = sshd->user,
        .key_file = sshd->key_file,
        .known_hosts = sshd->known_hosts,
        .connect_timeout_ms = 30000,
        .keepalive_interval_ms = 5000,
        .dead_after_ms = 30000,
    };
}
