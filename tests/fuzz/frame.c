/* libFuzzer target: frames and their heads, from bytes that a peer may send. */
#include "frame_exercise.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    (void)frame_exercise(data, size);
    return 0;
}
