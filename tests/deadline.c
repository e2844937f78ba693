/* In every test program: a test that hangs is ended, and named, although Criterion's option --timeout does nothing. Its
 * runner starts this program again for each test, and would wait for whoever has inherited what it has open. */
#include <linux/close_range.h>
#include <stdlib.h>
#include <unistd.h>

/* Only ends what hangs: on a busy machine and with sanitizers a test takes ten times what is usual. */
#define DEADLINE_S 300u

__attribute__((constructor)) static void begin_test(void)
{
    if (!getenv("BXFI_MAP")) /* by which Criterion knows a process of its own */
        return;
    (void)close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
    (void)alarm(DEADLINE_S);
}
