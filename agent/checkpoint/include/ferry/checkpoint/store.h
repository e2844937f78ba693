/* The checkpoint store: a directory with one directory for each checkpoint.
 *
 *     STORE/ID/record              what it is, and the hashes of all its stored files (proto/ferry/checkpoint.proto)
 *     STORE/ID/state               what changes in its life: pinned, verified, copies. May be missing.
 *     STORE/ID/ferry.manifest      of the image set as CRIU wrote it; signed if there is a key for that
 *     STORE/ID/images/             that set; of its memory only the pages that the checkpoint before has not
 *     STORE/ID/images/parent       -> ../../PARENT/images
 *     STORE/ID/original/           pagemaps as CRIU wrote them, where images/ has others
 *     STORE/ID/extra/              config.json of a container, root.tar of what it changed in an overlay
 *
 * Files are PLAIN or PACKED (compressed, encrypted). A plain store is in CRIU's own incremental format: CRIU restores
 * from STORE/ID/images as it stands, and crit reads it. Whatever the form, what comes out again is to the last byte
 * what CRIU wrote, so the manifest and its signature hold for ever, also when a checkpoint in the middle of a chain is
 * removed.
 *
 * A checkpoint is written beside its final name (STORE/.new-ID), brought to the disk and renamed: after a crash there
 * is a whole one or none. What a crash leaves is swept when the store is opened.
 *
 * All functions block and are for a thread of their own; none is called for one checkpoint by two threads at once while
 * one of them removes or replaces it, or its parent (the caller sees to that). A store is not changed by its use: any
 * number of threads may share it. Only root can read what is in it: 0700, 0600. */
#ifndef FERRY_CHECKPOINT_STORE_H
#define FERRY_CHECKPOINT_STORE_H

#include <ferry/base/error.h>
#include <ferry/checkpoint.pb-c.h>
#include <ferry/checkpoint/key.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FY_CHECKPOINT_ID_SIZE 40
#define FY_STORED_CHUNK_BYTES 1048576u
#define FY_STORED_HASH_BYTES 32u
#define FY_CHECKPOINT_LABELS_MAX 32

struct fy_checkpoint_store;

struct fy_checkpoint_store_options {
    const char *directory; /* STATE_DIR/checkpoints; made if it is not there */
    const char *scratch;   /* memory-backed; small images are expanded there to be looked at */
    bool plain;            /* store files as they are; else compressed, unless uncompressed is set */
    bool uncompressed;
    const struct fy_checkpoint_key *key; /* encrypt with it; NULL: not. Borrowed. */
    const char *sign_key;                /* file with an OpenSSH private key for manifests; NULL: unsigned */
    unsigned max_chain;                  /* levels that one checkpoint may need, 1: every one is whole */
};

/* Strings are copied. Sweeps what a crash has left. */
int fy_checkpoint_store_open(const struct fy_checkpoint_store_options *options, struct fy_checkpoint_store **store,
                             struct fy_error *err);
/* NULL is legal. */
void fy_checkpoint_store_close(struct fy_checkpoint_store *store);
const struct fy_checkpoint_store_options *fy_checkpoint_store_options(const struct fy_checkpoint_store *store);

/* How far a long call is, and whether it should stop: shared with the thread that waits for it. */
struct fy_checkpoint_progress {
    _Atomic uint64_t done_bytes, total_bytes;
    _Atomic bool cancelled; /* set from outside: the call ends with FY_E_CANCELLED */
};

/* ---- what there is ---- */

/* One checkpoint as it stands on the disk. */
struct fy_checkpoint {
    Ferry__Checkpoint__Record *record;
    Ferry__Checkpoint__State *state; /* never NULL */
    uint64_t real_bytes;             /* on the disk, as blocks */
};

/* FY_E_NOT_FOUND; FY_E_VERIFY when its record is damaged. */
int fy_checkpoint_load(const struct fy_checkpoint_store *store, const char *id, struct fy_checkpoint **checkpoint,
                       struct fy_error *err);
/* NULL is legal. */
void fy_checkpoint_free(struct fy_checkpoint *checkpoint);
/* Calls `each` for every directory of a checkpoint, whole or not, in the order of ids. -1 from `each` ends it. */
typedef int (*fy_checkpoint_each_cb)(const char *id, void *data, struct fy_error *err);
int fy_checkpoint_each(const struct fy_checkpoint_store *store, fy_checkpoint_each_cb each, void *data,
                       struct fy_error *err);
/* An id that is new with near certainty: "c-20260131-120000-1a2b". */
int fy_checkpoint_new_id(char id[FY_CHECKPOINT_ID_SIZE], struct fy_error *err);
/* What could be one. */
bool fy_checkpoint_id_is_valid(const char *id);
/* Replaces the state, durably. */
int fy_checkpoint_set_state(const struct fy_checkpoint_store *store, const char *id,
                            const Ferry__Checkpoint__State *state, struct fy_error *err);

/* ---- for a catalogue ---- */

/* What the file system says of a directory, its record and its state: inode, size and when it changed last, of each. As
 * long as it is the same, so is what fy_checkpoint_load() gives: both files are only ever replaced, and whoever writes
 * into one changes its time, which nobody can set. */
struct fy_checkpoint_mark {
    uint64_t of[9];
};
/* Reads nothing. FY_E_NOT_FOUND: there is no such directory. */
int fy_checkpoint_look(const struct fy_checkpoint_store *store, const char *id, struct fy_checkpoint_mark *mark,
                       struct fy_error *err);
/* A checkpoint without its files as bytes with a hash, malloc'ed, and back; FY_E_VERIFY: they are not what was packed.
 */
int fy_checkpoint_pack(const struct fy_checkpoint *checkpoint, uint8_t **packed, size_t *size, struct fy_error *err);
int fy_checkpoint_unpack(const void *packed, size_t size, struct fy_checkpoint **checkpoint, struct fy_error *err);

/* ---- putting in ---- */

/* A whole image set, as CRIU wrote it, and what belongs to it. */
struct fy_checkpoint_source {
    const char *images_dir; /* regular files only; a ferry.manifest in it is taken over, else one is made and signed */
    const char *extra_dir;  /* its files become extra/NAME; NULL: none */
    /* All that is known (id, workload, host, created_us, labels, …); parent, depth, form, files, sizes and the
     * manifest's root are filled in by the store. */
    const Ferry__Checkpoint__Record *facts;
    const char *parent; /* the checkpoint before, or NULL; not used when the chain is as long as it may be */
    const char *label, *criu_version, *kernel; /* for the manifest; may be NULL */
};

/* FY_E_VERIFY when the set is not whole by imgcore's rules (nothing is stored then), FY_E_NOSPACE, FY_E_BUSY when the
 * id is there. */
int fy_checkpoint_put(const struct fy_checkpoint_store *store, const struct fy_checkpoint_source *source,
                      struct fy_checkpoint_progress *progress, struct fy_checkpoint **made, struct fy_error *err);

/* ---- taking out ---- */

/* Expands the image set into `images_dir`, and extra/ into `extra_dir` unless that is NULL; both exist and are empty.
 * All is compared with the manifest and judged by imgcore's rules while it is written. FY_E_VERIFY names checkpoint,
 * file and place, also when the damage is in a level before. `progress` may be NULL. */
int fy_checkpoint_expand(const struct fy_checkpoint_store *store, const char *id, const char *images_dir,
                         const char *extra_dir, struct fy_checkpoint_progress *progress, struct fy_error *err);

/* Something that is not as it was. Strings are valid during the call. */
struct fy_checkpoint_damage {
    const char *id; /* of the level that it is in */
    const char *file;
    bool has_chunk;
    uint64_t chunk;   /* of 1 MiB, of the stored file */
    const char *what; /* all of it in words, with the task and address of damaged memory where they can be told */
};
typedef void (*fy_checkpoint_damage_cb)(const struct fy_checkpoint_damage *damage, void *data);

/* Reads everything: hashes of all stored files of the checkpoint and of the levels before it, then its content against
 * its manifest and by imgcore's rules (not without the key, if it is encrypted; *whole_look says whether). Memory is
 * bounded. `report` (may be NULL) hears of each damage; FY_E_VERIFY with the first when there was any. `state` is not
 * changed. */
int fy_checkpoint_verify(const struct fy_checkpoint_store *store, const char *id, fy_checkpoint_damage_cb report,
                         void *data, struct fy_checkpoint_progress *progress, bool *whole_look, struct fy_error *err);

/* ---- removing ---- */

/* Removes it. Those whose parent it is (`children`) are first made to need its own parent instead, each replaced in one
 * step. */
int fy_checkpoint_remove(const struct fy_checkpoint_store *store, const char *id, const char *const *children,
                         size_t child_count, struct fy_checkpoint_progress *progress, struct fy_error *err);

#endif
