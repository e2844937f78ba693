/* A store with image sets to put in: real sets whose memory is filled with bytes that change as a workload would change
 * them. Everything here asserts its own success. */
#ifndef FERRY_TESTS_CHECKPOINT_SHELF_H
#define FERRY_TESTS_CHECKPOINT_SHELF_H

#include "scratch.h"

#include <ferry/checkpoint/store.h>

enum shelf_form { SHELF_PLAIN, SHELF_COMPRESSED, SHELF_SEALED, SHELF_FORMS };

struct shelf {
    char directory[64]; /* of everything here, on a tmpfs */
    char store_path[96];
    struct fy_checkpoint_store *store;
    struct fy_checkpoint_key *key;
    struct scratch set; /* the workload's memory now, as an image set */
    unsigned seed;
};

/* `set` is a directory of tests/imgcore/sets; `max_chain` as in the store's options. */
void shelf_open(struct shelf *shelf, const char *set, enum shelf_form form, unsigned max_chain, unsigned seed);
void shelf_close(struct shelf *shelf);
/* Opens the same store anew. */
void shelf_reopen(struct shelf *shelf, enum shelf_form form, unsigned max_chain);

unsigned shelf_random(struct shelf *shelf, unsigned below);
/* Gives about so many of a thousand pages other bytes. */
void shelf_dirty(struct shelf *shelf, unsigned per_mille);
/* Puts the set in. -1 with `err`. */
int shelf_put(struct shelf *shelf, const char *id, const char *parent, struct fy_error *err);
/* What the set holds now, to compare with later: a copy of it in a directory, to be freed with shelf_forget. */
char *shelf_keep(struct shelf *shelf);
void shelf_forget(char *kept);
/* Expands the checkpoint and compares it with what was kept, to the last byte. */
void shelf_assert_same(struct shelf *shelf, const char *id, const char *kept);
/* The real size of all checkpoints. */
uint64_t shelf_real_bytes(struct shelf *shelf);
/* Names of all checkpoints are below the store and nothing else is. */
size_t shelf_count(struct shelf *shelf);

#endif
