/* What the fuzzer and the replay of its corpora do with a session: a script of what a hostile peer sends and of what
 * the owner does meanwhile, over links that are only memory.
 *
 *     op (one byte), then:
 *     0 LENGTH16 head BODY8   a frame arrives; the body is BODY8 * 4096 zeros
 *     1                       the owner sends a control frame
 *     2 BODY8                 the owner sends data
 *     3 NUMBER8               the owner keeps the data frame of that number
 *     4                       the link is lost (the dialing side will dial again)
 *     5 TICKS8                time passes
 *     6                       what was sent leaves
 *     7                       accepting side: another link comes, with the right token
 *     8                       the owner pauses, or resumes
 *     9                       the owner finishes
 *     10 LANES8               the owner wants more lanes                                                           */
#ifndef TESTS_FUZZ_SESSION_EXERCISE_H
#define TESTS_FUZZ_SESSION_EXERCISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void session_exercise(bool dialing, const uint8_t *data, size_t size);

#endif
