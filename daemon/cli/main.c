/* ferry: the client. What it can do stands in commands.c. */
#include "cli.h"

#include <locale.h>
#include <signal.h>

int main(int argc, char **argv)
{
    (void)setlocale(LC_CTYPE, "");
    (void)signal(SIGPIPE, SIG_IGN); /* a closed pipe is an error of writing, reported as such */
    return (int)cli_main(argc, argv);
}
