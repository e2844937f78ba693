/* A request whose replies are the rows of a table, or with --json the members of an array. */
#ifndef FERRY_CLI_LISTING_H
#define FERRY_CLI_LISTING_H

#include "cli.h"

#include <ferry/base/buf.h>
#include <ferry/base/json.h>

struct listing {
    const char *array; /* what it is called in the document */
    Ferry__Control__Reply__KindCase kind;
    /* One line of cells (table.h); the heading for a NULL `reply`. */
    int (*row)(struct fy_buf *cells, const Ferry__Control__Reply *reply, struct fy_error *err);
    void (*json)(struct fy_json *json, const Ferry__Control__Reply *reply);
    bool (*takes)(const Ferry__Control__Reply *reply, void *data); /* false: not listed; NULL: all are */
    void (*json_end)(struct fy_json *json, const void *data);      /* members beside the array; NULL: none */
    void *data;
};

/* Sends the request and prints what comes back, once all is there: nothing when it fails. */
enum cli_exit listing_print(const struct cli *cli, Ferry__Control__Request *request, const struct listing *listing);

#define LISTING_TIME_SIZE 40
/* Local time as people read it; "-" for 0. */
void listing_time(int64_t wall_us, char text[LISTING_TIME_SIZE]);
/* The same for a cell: where there is no room, without the year while it lasts, and without the date on its day. */
void listing_cell_time(int64_t wall_us, char text[LISTING_TIME_SIZE]);

#endif
