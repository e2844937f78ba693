/* Loaded into ferryd before the C library: kills it in front of the Nth sending of one signal to a process that it
 * looks after, as /run/die-at says ("SIGNAL N"; without the file nothing happens). So a crash comes between two of
 * them, every time. */
#include <dlfcn.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>

static atomic_int sent;

/* What ferryd starts is left alone. */
__attribute__((constructor)) static void only_here(void)
{
    unsetenv("LD_PRELOAD");
}

static void die_if_it_is_time(long number)
{
    int wanted = 0, count = 0;
    FILE *file = fopen("/run/die-at", "re");
    if (!file)
        return;
    int fields = fscanf(file, "%d %d", &wanted, &count);
    fclose(file);
    if (fields == 2 && number == wanted && ++sent == count)
        raise(SIGKILL);
}

long syscall(long number, ...)
{
    static long (*next)(long, ...);
    long arguments[6];
    va_list list;
    va_start(list, number);
    for (int i = 0; i < 6; i++)
        arguments[i] = va_arg(list, long);
    va_end(list);
    if (!next)
        *(void **)&next = dlsym(RTLD_NEXT, "syscall");
    if (number == SYS_pidfd_send_signal)
        die_if_it_is_time(arguments[1] & 0xff);
    return next(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]);
}
