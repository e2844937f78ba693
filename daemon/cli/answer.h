/* A request with one reply, which is printed as text or, with --json, as a document. */
#ifndef FERRY_CLI_ANSWER_H
#define FERRY_CLI_ANSWER_H

#include "cli.h"

#include <ferry/base/buf.h>
#include <ferry/base/json.h>

struct answer {
    Ferry__Control__Reply__KindCase kind;
    int (*text)(struct fy_buf *text, const Ferry__Control__Reply *reply, struct fy_error *err);
    void (*json)(struct fy_json *json, const Ferry__Control__Reply *reply); /* one value */
};

/* Sends the request and prints the reply of this kind. */
enum cli_exit answer_print(const struct cli *cli, Ferry__Control__Request *request, const struct answer *answer);

#endif
