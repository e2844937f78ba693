/* Rows are kept until the last reply: half a table says less than an error. */
#include "listing.h"
#include "json_job.h"
#include "session.h"
#include "table.h"
#include "terminal.h"

#include <ferry/base/cleanup.h>
#include <ferry/base/clock.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct printing {
    const struct listing *listing;
    struct fy_json *json; /* NULL: text */
    struct fy_buf cells;
    struct fy_error err;
};

static void on_reply(struct session *session, const Ferry__Control__Reply *reply, const struct fy_frame *frame,
                     void *data)
{
    struct printing *printing = data;
    const struct listing *listing = printing->listing;
    (void)session;
    (void)frame;
    if (reply->kind_case != listing->kind || (listing->takes && !listing->takes(reply, listing->data)))
        return;
    if (printing->json)
        listing->json(printing->json, reply);
    else
        (void)listing->row(&printing->cells, reply, &printing->err);
}

static void begin(struct printing *printing)
{
    if (printing->json) {
        fy_json_open_object(printing->json, NULL);
        fy_json_open_array(printing->json, printing->listing->array);
    } else {
        (void)printing->listing->row(&printing->cells, NULL, &printing->err);
    }
}

static enum cli_exit print_table(const struct cli *cli, struct printing *printing)
{
    struct fy_buf text;
    size_t width = isatty(STDOUT_FILENO) ? terminal_width() : 0;
    fy_buf_init(&text, 0);
    if (!fy_error_is_set(&printing->err) && table_format(&printing->cells, width, &text, &printing->err) == 0)
        (void)fwrite(text.data, 1, text.size, stdout);
    fy_buf_done(&text);
    if (!fy_error_is_set(&printing->err))
        return CLI_DONE;
    cli_report(cli, &printing->err);
    return CLI_FAILED;
}

static enum cli_exit finish(const struct cli *cli, struct printing *printing)
{
    struct fy_json *json = fy_take(printing->json);
    if (!json)
        return print_table(cli, printing);
    fy_json_close_array(json);
    if (printing->listing->json_end)
        printing->listing->json_end(json, printing->listing->data);
    fy_json_close_object(json);
    return json_print(json) < 0 ? CLI_FAILED : CLI_DONE;
}

enum cli_exit listing_print(const struct cli *cli, Ferry__Control__Request *request, const struct listing *listing)
{
    struct printing printing = {.listing = listing, .json = cli->json ? fy_json_new(true) : NULL};
    const struct session_call call = {.request = request, .reply = on_reply, .data = &printing};
    fy_buf_init(&printing.cells, 0);
    begin(&printing);
    enum cli_exit code = session_simple(cli, &call);
    if (code == CLI_DONE)
        code = finish(cli, &printing);
    fy_json_free(printing.json);
    fy_buf_done(&printing.cells);
    return code;
}

void listing_time(int64_t wall_us, char text[LISTING_TIME_SIZE])
{
    time_t seconds = (time_t)(wall_us / 1000000);
    struct tm tm;
    if (!wall_us || !localtime_r(&seconds, &tm) || strftime(text, LISTING_TIME_SIZE, "%Y-%m-%d %H:%M:%S", &tm) == 0)
        (void)snprintf(text, LISTING_TIME_SIZE, "-");
}

void listing_cell_time(int64_t wall_us, char text[LISTING_TIME_SIZE])
{
    static const size_t year_size = sizeof("2026-") - 1, date_size = sizeof("2026-11-26 ") - 1;
    char whole[LISTING_TIME_SIZE], now[LISTING_TIME_SIZE];
    listing_time(wall_us, whole);
    listing_time(fy_clock_wall_us(), now);
    size_t goes = strncmp(whole, now, date_size) == 0 ? date_size : strncmp(whole, now, year_size) == 0 ? year_size : 0;
    (void)snprintf(text, LISTING_TIME_SIZE, "%.*s%s%.*s", (int)goes, whole, goes ? TABLE_MARK : "",
                   (int)sizeof("2026-11-26 12:00:00"), whole + goes);
}
