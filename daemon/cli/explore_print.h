/* What `ferry image x` prints, one function for each word after the directory, as text and as JSON.
 *
 * Text is crit's to the byte where crit is right; `is_long` has more. Troubles found while printing (a task's pagemap,
 * its memory) are said at once on standard error and counted. */
#ifndef FERRY_CLI_EXPLORE_PRINT_H
#define FERRY_CLI_EXPLORE_PRINT_H

#include <ferry/base/buf.h>
#include <ferry/base/json.h>
#include <ferry/imgcore/explore.h>

struct explore_print {
    const struct fy_explore *set;
    bool is_long;
    struct fy_json *json; /* NULL: text */
    size_t troubles;
    struct fy_buf said;    /* their texts, each ended by NUL */
    struct fy_buf scratch; /* of one name, between two calls */
};

typedef void explore_printer(struct explore_print *print);
explore_printer explore_ps, explore_fds, explore_mems, explore_rss, explore_sk;

/* Says a trouble on standard error. */
void explore_say(struct explore_print *print, const char *message);
/* The scratch as a printable string, which is to be freed; the scratch is empty afterwards. */
char *explore_printable(struct explore_print *print);
/* Names of open files and mappings, printable, to be freed; NULL without memory. */
char *explore_file_name(struct explore_print *print, int type, uint32_t id);
char *explore_mapping_name(struct explore_print *print, const struct fy_explore_mapping *mapping);
char *explore_mapped_file(struct explore_print *print, const struct fy_explore_mapping *mapping);
/* "rwx" of PROT_… */
void explore_protection(uint32_t protection, char text[4]);
/* Every task in the order of their pids: its pid and what `text` prints of it, or an object with its pid, name and
 * state and the members that `json` adds. */
typedef void explore_task_printer(struct explore_print *print, const struct fy_explore_task *task);
void explore_tasks(struct explore_print *print, explore_task_printer *text, explore_task_printer *json);
/* Members of JSON. */
void explore_json_hex(struct fy_json *json, const char *key, uint64_t value);
void explore_json_task(struct explore_print *print, const struct fy_explore_task *task); /* pid, comm, state */
void explore_json_socket(struct explore_print *print, const struct fy_explore_socket *socket);

#endif
