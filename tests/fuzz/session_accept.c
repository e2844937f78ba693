/* libFuzzer target: the accepting side of a session, and what a hostile peer may send it. */
#include "session_exercise.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    session_exercise(false, data, size);
    return 0;
}
