/* What the fuzzer and the replay of its corpus do with some bytes: parse frames off their front as a link would, and
 * unpack every head. Aborts when a promise of frame.h is broken. */
#ifndef TESTS_FUZZ_FRAME_EXERCISE_H
#define TESTS_FUZZ_FRAME_EXERCISE_H

#include "head.pb-c.h"
#include "require.h"
#include <ferry/transport/frame.h>

static inline void exercise_head(const struct fy_frame *frame)
{
    struct fy_error err = FY_ERROR_INIT;
    ProtobufCMessage *message = fy_frame_unpack_head(frame, &test__head__descriptor, &err);
    require((message != NULL) != fy_error_is_set(&err));
    if (message)
        protobuf_c_message_free_unpacked(message, NULL);
}

/* Returns how many frames there were. */
static inline unsigned frame_exercise(const uint8_t *data, size_t size)
{
    unsigned frames = 0;
    while (1) {
        struct fy_frame frame = {0};
        struct fy_error err = FY_ERROR_INIT;
        ptrdiff_t total = fy_frame_parse(data, size, &frame, &err);
        require((total < 0) == fy_error_is_set(&err));
        if (total <= 0)
            return frames;
        require((size_t)total <= size && (size_t)total == FY_FRAME_PREFIX_BYTES + frame.head_bytes + frame.body_bytes);
        require(frame.head == data + FY_FRAME_PREFIX_BYTES && frame.body == frame.head + frame.head_bytes);
        exercise_head(&frame);
        data += total;
        size -= (size_t)total;
        frames++;
    }
}

#endif
