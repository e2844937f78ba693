/* The forced command of the tests: `dial-helper SOCKET` is `ferry dial` with its socket named. */
#include <ferry/transport/dial.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct fy_error err = FY_ERROR_INIT;
    if (argc != 2)
        return 2;
    if (fy_dial_run(argv[1], STDIN_FILENO, STDOUT_FILENO, &err)) {
        (void)fprintf(stderr, "dial: %s\n", err.message);
        return 1;
    }
    return 0;
}
