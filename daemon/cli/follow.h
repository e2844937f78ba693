/* Following one or several jobs to their end: what migrate, plan run and job watch have in common. */
#ifndef FERRY_CLI_FOLLOW_H
#define FERRY_CLI_FOLLOW_H

#include "cli.h"

/* How a command that follows jobs behaves. */
struct follow {
    Ferry__Control__Request *request;
    bool lines;   /* --json: an object a line for every event */
    bool detach;  /* only until the (first) job is known; prints its id */
    bool cancels; /* Ctrl-C asks ferryd to cancel; the second one leaves */
};

enum cli_exit follow_run(const struct cli *cli, const struct follow *follow);

#endif
