/* Shows jobs while they go on: one line drawn again and again on a terminal, a line for each phase elsewhere, an object
 * a line with --json; and the block at the end. */
#ifndef FERRY_CLI_SHOW_H
#define FERRY_CLI_SHOW_H

#include "cli.h"
#include "session.h"

struct show;

/* `lines`: with --json every event is printed on a line; else only the end, as one document. */
struct show *show_new(const struct cli *cli, bool lines);
/* NULL is legal. */
void show_free(struct show *show);
/* A job has something new to say. */
void show_job(struct show *show, const Ferry__Control__Job *job);
/* Time has passed. */
void show_tick(struct show *show);
/* Says something between the lines. */
__attribute__((format(printf, 2, 3))) void show_say(struct show *show, const char *format, ...);
/* How all of it ended: the first job that did not complete decides. */
enum cli_exit show_exit(const struct show *show);

/* Prints the block of one job, with attributes where the terminal has them; with --json the document. */
enum cli_exit show_block(const struct cli *cli, const Ferry__Control__Job *job);
/* For a call that is answered with one job: its block. `data` is the struct cli. */
void show_reply(struct session *session, const Ferry__Control__Reply *reply, const struct fy_frame *frame, void *data);

#endif
