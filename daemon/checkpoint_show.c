/* A checkpoint as clients see it. */
#include "checkpoint_catalogue.h"

#include <ferry/base/cleanup.h>

static void show_labels(const Ferry__Checkpoint__Record *record, struct fy_checkpoint_shown *shown)
{
    size_t count = record->n_labels < FY_ARRAY_SIZE(shown->labels) ? record->n_labels : FY_ARRAY_SIZE(shown->labels);
    for (size_t i = 0; i < count; i++) {
        ferry__control__checkpoint_label__init(&shown->labels[i]);
        shown->labels[i].key = record->labels[i]->key;
        shown->labels[i].value = record->labels[i]->value;
        shown->label_list[i] = &shown->labels[i];
    }
    shown->message.n_labels = count;
    shown->message.labels = shown->label_list;
}

static void show_replicas(const Ferry__Checkpoint__State *state, struct fy_checkpoint_shown *shown)
{
    size_t most = FY_ARRAY_SIZE(shown->replicas);
    size_t count = state->n_replicas < most ? state->n_replicas : most;
    for (size_t i = 0; i < count; i++) {
        ferry__control__checkpoint_replica__init(&shown->replicas[i]);
        shown->replicas[i].peer = state->replicas[i]->peer;
        shown->replicas[i].at_us = state->replicas[i]->at_us;
        shown->replica_list[i] = &shown->replicas[i];
    }
    shown->message.n_replicas = count;
    shown->message.replicas = shown->replica_list;
}

static void show_state(const Ferry__Checkpoint__State *state, struct fy_checkpoint_shown *shown)
{
    Ferry__Control__Checkpoint *message = &shown->message;
    message->pinned = state->has_pinned && state->pinned;
    message->has_verified_us = state->has_verified_us;
    message->verified_us = state->verified_us;
    message->has_rehearsed_us = state->has_rehearsed_us;
    message->rehearsed_us = state->rehearsed_us;
    message->rehearsal_failure = state->rehearsal_failure;
    message->has_proven_us = state->has_proven_us;
    message->proven_us = state->proven_us;
    message->damage = state->damage;
    message->received_from = state->received_from;
    show_replicas(state, shown);
}

static void show_record(const Ferry__Checkpoint__Record *record, struct fy_checkpoint_shown *shown)
{
    Ferry__Control__Checkpoint *message = &shown->message;
    message->workload = record->workload;
    message->host = record->host;
    message->created_us = record->created_us;
    message->parent = record->parent;
    message->depth = record->depth;
    message->logical_bytes = record->logical_bytes;
    message->has_freeze_us = record->has_freeze_us;
    message->freeze_us = record->freeze_us;
    message->has_left_running = record->has_left_running;
    message->left_running = record->left_running;
    message->compressed = record->has_compressed && record->compressed;
    message->encrypted = record->has_key_check;
    message->bundle = record->bundle;
    message->root = record->root;
    message->has_manifest_root = 1;
    message->manifest_root = record->manifest_root;
    show_labels(record, shown);
}

void fy_checkpoints_show(const struct fy_checkpoints *checkpoints, const struct fy_checkpoint_entry *entry,
                         struct fy_checkpoint_shown *shown)
{
    Ferry__Control__Checkpoint *message = &shown->message;
    ferry__control__checkpoint__init(message);
    (void)snprintf(shown->directory, sizeof shown->directory, "%s/%s",
                   fy_checkpoint_store_options(checkpoints->options.store)->directory, entry->id);
    message->id = (char *)(uintptr_t)entry->id;
    message->workload = message->host = (char *)"";
    message->real_bytes = entry->real_bytes;
    message->directory = shown->directory;
    if (entry->record)
        show_record(entry->record, shown);
    if (entry->state)
        show_state(entry->state, shown);
    if (entry->damage)
        message->damage = (char *)(uintptr_t)entry->damage;
}
