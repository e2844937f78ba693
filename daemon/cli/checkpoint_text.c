/* Printing checkpoints. */
#include "checkpoint_text.h"
#include "answer.h"
#include "follow.h"
#include "json_job.h"
#include "listing.h"

#include <errno.h>
#include <ferry/base/text.h>
#include <stdio.h>
#include <unistd.h>

static const char *standing(const Ferry__Control__Checkpoint *checkpoint)
{
    if (checkpoint->damage)
        return "DAMAGED";
    if (checkpoint->rehearsal_failure)
        return "FAILED"; /* to be restored */
    if (checkpoint->has_proven_us)
        return "proven";
    return checkpoint->has_verified_us ? "verified" : "-";
}

int checkpoint_row(struct fy_buf *text, const Ferry__Control__Checkpoint *checkpoint, struct fy_error *err)
{
    if (!checkpoint)
        return fy_buf_printf(text, err, "CHECKPOINT\t~WORKLOAD\t-CREATED\t->LOGICAL\t>REAL\t->CHAIN\tSTATE\n");
    char created[LISTING_TIME_SIZE], logical[FY_TEXT_SIZE], real[FY_TEXT_SIZE];
    listing_cell_time(checkpoint->created_us, created);
    fy_text_bytes(checkpoint->logical_bytes, logical);
    fy_text_bytes(checkpoint->real_bytes, real);
    return fy_buf_printf(text, err, "%s\t%s\t%s\t%s\t%s\t%u\t%s%s\n", checkpoint->id, checkpoint->workload, created,
                         logical, real, checkpoint->depth + 1, standing(checkpoint),
                         checkpoint->pinned ? ", pinned" : "");
}

/* ---- a block ---- */

static void put(struct fy_buf *text, const char *name, const char *value, struct fy_error *err)
{
    if (value && value[0])
        (void)fy_buf_printf(text, err, "  %-11s %s\n", name, value);
}

static void put_time(struct fy_buf *text, const char *name, bool known, int64_t wall_us, struct fy_error *err)
{
    char when[LISTING_TIME_SIZE];
    if (!known)
        return;
    listing_time(wall_us, when);
    put(text, name, when, err);
}

static void put_size(struct fy_buf *text, const Ferry__Control__Checkpoint *checkpoint, struct fy_error *err)
{
    char logical[FY_TEXT_SIZE], real[FY_TEXT_SIZE];
    fy_text_bytes(checkpoint->logical_bytes, logical);
    fy_text_bytes(checkpoint->real_bytes, real);
    (void)fy_buf_printf(text, err, "  %-11s %s, %s on the disk%s%s\n", "size", logical, real,
                        checkpoint->compressed ? ", compressed" : "", checkpoint->encrypted ? ", encrypted" : "");
}

/* Whether the files come back with it. */
static const char *root_of(const Ferry__Control__Checkpoint *checkpoint)
{
    if (!checkpoint->workload[0])
        return NULL;
    return checkpoint->root ? "its changed files are in the checkpoint"
                            : "not in the checkpoint: its files must be as they were";
}

int checkpoint_block(struct fy_buf *text, const Ferry__Control__Checkpoint *checkpoint, struct fy_error *err)
{
    char duration[FY_TEXT_SIZE];
    (void)fy_buf_printf(text, err, "%s%s%s\n", checkpoint->id, checkpoint->pinned ? ", pinned" : "",
                        checkpoint->damage ? ", DAMAGED" : "");
    put(text, "workload", checkpoint->workload, err);
    put(text, "taken on", checkpoint->host, err);
    put_time(text, "created", checkpoint->created_us > 0, checkpoint->created_us, err);
    for (size_t i = 0; i < checkpoint->n_labels; i++)
        (void)fy_buf_printf(text, err, "  %-11s %s=%s\n", i ? "" : "labels", checkpoint->labels[i]->key,
                            checkpoint->labels[i]->value);
    put_size(text, checkpoint, err);
    if (checkpoint->parent)
        (void)fy_buf_printf(text, err, "  %-11s %s, %u in all\n", "needs", checkpoint->parent, checkpoint->depth);
    if (checkpoint->has_freeze_us) {
        fy_text_duration(checkpoint->freeze_us * 1000, duration);
        put(text, "stood still", duration, err);
    }
    put(text, "bundle", checkpoint->bundle, err);
    put(text, "root", root_of(checkpoint), err);
    put_time(text, "verified", checkpoint->has_verified_us, checkpoint->verified_us, err);
    put_time(text, "proven", checkpoint->has_proven_us, checkpoint->proven_us, err);
    put_time(text, "rehearsed", checkpoint->has_rehearsed_us, checkpoint->rehearsed_us, err);
    put(text, "rehearsal", checkpoint->rehearsal_failure, err);
    for (size_t i = 0; i < checkpoint->n_replicas; i++)
        put(text, "copy at", checkpoint->replicas[i]->peer, err);
    put(text, "from", checkpoint->received_from, err);
    put(text, "directory", checkpoint->directory, err);
    put(text, "damage", checkpoint->damage, err);
    return text->size ? 0 : fy_error_set(err, FY_E_NOMEM, "no memory for describing a checkpoint");
}

/* ---- JSON ---- */

static void json_lists(struct fy_json *json, const Ferry__Control__Checkpoint *checkpoint)
{
    fy_json_open_object(json, "labels");
    for (size_t i = 0; i < checkpoint->n_labels; i++)
        fy_json_string(json, checkpoint->labels[i]->key, checkpoint->labels[i]->value);
    fy_json_close_object(json);
    fy_json_open_array(json, "copies");
    for (size_t i = 0; i < checkpoint->n_replicas; i++) {
        fy_json_open_object(json, NULL);
        fy_json_string(json, "peer", checkpoint->replicas[i]->peer);
        json_time(json, "at", true, checkpoint->replicas[i]->at_us);
        fy_json_close_object(json);
    }
    fy_json_close_array(json);
}

static void json_root(struct fy_json *json, const Ferry__Control__Checkpoint *checkpoint)
{
    char text[2 * 64 + 1] = "";
    for (size_t i = 0; i < checkpoint->manifest_root.len && i < 64; i++)
        (void)snprintf(text + 2 * i, 3, "%02x", checkpoint->manifest_root.data[i]);
    fy_json_string(json, "manifest_root", checkpoint->has_manifest_root ? text : NULL);
}

void checkpoint_json(struct fy_json *json, const char *key, const Ferry__Control__Checkpoint *checkpoint)
{
    fy_json_open_object(json, key);
    fy_json_string(json, "checkpoint", checkpoint->id);
    fy_json_string(json, "workload", checkpoint->workload);
    fy_json_string(json, "host", checkpoint->host);
    json_time(json, "created", checkpoint->created_us > 0, checkpoint->created_us);
    fy_json_string(json, "parent", checkpoint->parent);
    fy_json_uint(json, "chain", checkpoint->depth + 1);
    fy_json_uint(json, "logical_bytes", checkpoint->logical_bytes);
    fy_json_uint(json, "real_bytes", checkpoint->real_bytes);
    if (checkpoint->has_freeze_us)
        fy_json_number(json, "freeze_ms", (double)checkpoint->freeze_us / 1000.0);
    else
        fy_json_null(json, "freeze_ms");
    fy_json_bool(json, "left_running", checkpoint->has_left_running && checkpoint->left_running);
    fy_json_bool(json, "compressed", checkpoint->compressed);
    fy_json_bool(json, "encrypted", checkpoint->encrypted);
    fy_json_bool(json, "pinned", checkpoint->pinned);
    json_time(json, "verified", checkpoint->has_verified_us, checkpoint->verified_us);
    json_time(json, "proven", checkpoint->has_proven_us, checkpoint->proven_us);
    json_time(json, "rehearsed", checkpoint->has_rehearsed_us, checkpoint->rehearsed_us);
    fy_json_string(json, "rehearsal_failure", checkpoint->rehearsal_failure);
    fy_json_string(json, "damage", checkpoint->damage);
    fy_json_string(json, "bundle", checkpoint->bundle);
    fy_json_string(json, "root", checkpoint->root);
    fy_json_string(json, "received_from", checkpoint->received_from);
    fy_json_string(json, "directory", checkpoint->directory);
    json_root(json, checkpoint);
    json_lists(json, checkpoint);
    fy_json_close_object(json);
}

/* ---- requests ---- */

static int text(struct fy_buf *out, const Ferry__Control__Reply *reply, struct fy_error *err)
{
    return checkpoint_block(out, reply->checkpoint, err);
}

static void json(struct fy_json *out, const Ferry__Control__Reply *reply)
{
    checkpoint_json(out, NULL, reply->checkpoint);
}

enum cli_exit checkpoint_ask(const struct cli *cli, Ferry__Control__Request *request)
{
    static const struct answer answer = {.kind = FERRY__CONTROL__REPLY__KIND_CHECKPOINT, .text = text, .json = json};
    return answer_print(cli, request, &answer);
}

enum cli_exit checkpoint_follow(const struct cli *cli, Ferry__Control__Request *request, bool detach)
{
    const struct follow follow = {.request = request, .detach = detach, .cancels = true};
    return follow_run(cli, &follow);
}

int checkpoint_absolute_path(const char *path, char **absolute, struct fy_error *err)
{
    char here[4096];
    if (path[0] != '/' && !getcwd(here, sizeof(here)))
        return fy_error_errno(err, errno, "cannot tell the current directory");
    int size = path[0] == '/' ? asprintf(absolute, "%s", path) : asprintf(absolute, "%s/%s", here, path);
    return size < 0 ? fy_error_set(err, FY_E_NOMEM, "no memory for a file's name") : 0;
}
