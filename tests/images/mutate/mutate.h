/* Damaging real image sets and asking who notices.
 *
 *   shop.c       an image set in memory and on disk: any file of it can be replaced and put back
 *   detectors.c  those who are asked: the verifier (and what else may judge a directory)
 *   blind.c      damage by rote, to every file: flipped bits, cuts, copies, swaps; counted, not judged
 *   damage*.c    damage that CRIU would not survive, or not notice: each has a name, and all of it must be noticed
 *   main.c       goes over the sets with all processors, and prints the tables
 *
 * Whatever goes wrong with the tools themselves ends the program. */
#ifndef FERRY_TESTS_IMAGES_MUTATE_H
#define FERRY_TESTS_IMAGES_MUTATE_H

#include <ferry/imgcore/catalogue.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bytes {
    uint8_t *data;
    size_t size;
};

struct shop_file {
    char name[64];
    const struct fy_image_type *type;
    uint64_t id;
    struct bytes whole; /* as the set has it */
};

struct shop {
    const char *path;
    int fd;
    struct shop_file *files;
    size_t file_count;
};

_Noreturn __attribute__((format(printf, 1, 2))) void die(const char *format, ...);

/* Reads all of CRIU's files of a directory. */
void shop_open(struct shop *shop, const char *path);
void shop_close(struct shop *shop);
/* NULL if the set has none. */
struct shop_file *shop_find(const struct shop *shop, enum fy_image_kind kind, uint64_t id);
/* The next file of that kind from `*index` on, which is moved behind it; NULL at the end. */
struct shop_file *shop_next(const struct shop *shop, enum fy_image_kind kind, size_t *index);
void shop_write(const struct shop *shop, const char *name, const void *data, size_t size);
void shop_remove(const struct shop *shop, const char *name);
void shop_restore(const struct shop *shop, const struct shop_file *file);

/* Where an entry with its payload is in a file. */
struct extent {
    size_t begin, end;
};
/* All entries of a whole file; to be freed. */
struct extent *shop_extents(const struct shop *shop, const struct shop_file *file, size_t *count);
/* What the file now on disk says, whatever way it is encoded: packed entries and payloads; no data if it cannot be
 * read. To be freed. */
struct bytes shop_meaning(const struct shop *shop, const struct shop_file *file);

/* Sees every entry of an image, may change the message, and returns how often it is kept. */
typedef unsigned entry_edit(ProtobufCMessage *message, uint64_t number, void *context);
/* Rewrites the image on disk from its present content. False, and nothing is written, if that changes nothing. */
bool shop_edit(const struct shop *shop, const struct shop_file *file, entry_edit *edit, void *context);
/* Calls `edit` for every entry and writes nothing. */
void shop_look(const struct shop *shop, const struct shop_file *file, entry_edit *edit, void *context);

/* Somebody who says whether a set is damaged. */
struct detector {
    const char *name;
    void *(*prepare)(int dir_fd); /* sees the whole set before it is damaged */
    bool (*notices)(int dir_fd, void *prepared);
    void (*done)(void *prepared);
    bool is_complete; /* must notice every mutant, also those by rote */
};
extern const struct detector detectors[];
extern const size_t detector_count;
#define DETECTORS_MAX 4

/* Of one set: what each detector has prepared. */
struct panel {
    void *prepared[DETECTORS_MAX];
};
void panel_open(struct panel *panel, const struct shop *shop);
void panel_close(struct panel *panel);
bool panel_notices(const struct panel *panel, const struct shop *shop, size_t detector);

enum blind { FLIP, DROP, CUT, COPY_ENTRY, COPY_FILE, SWAP_ENTRIES, SWAP_FILES, BLIND_COUNT };
extern const char *const blind_names[BLIND_COUNT];

struct tally {
    uint32_t tried; /* mutants that say something else than the whole file */
    uint32_t same;  /* mutants that do not, and are not in `tried` */
    uint32_t noticed[DETECTORS_MAX];
};

#define DAMAGE_MAX 96

/* Results, in memory that is shared by the workers' processes, one of these for each. */
struct results {
    struct tally blind[FY_IMAGE_KIND_COUNT][BLIND_COUNT];
    struct tally damage[DAMAGE_MAX];
    uint32_t damage_sets[DAMAGE_MAX];
    uint32_t set_count;
};

void blind_run(const struct shop *shop, const struct panel *panel, struct results *results, bool verbose);

/* Tries a damage that is on disk now, and puts `file` back (NULL: the caller does). */
struct trial {
    const struct shop *shop;
    const struct panel *panel;
    struct tally *tally;
    const char *name;
    bool verbose;
};
void trial_judge(struct trial *trial, const struct shop_file *file);

/* One class of damage: makes all that the set has room for, one after another. */
struct damage {
    const char *name;
    const char *effect; /* what CRIU does with it */
    void (*make)(struct trial *trial);
};
extern const struct damage damages_of_tasks[], damages_of_memory[], damages_of_parents[], damages_of_files[];
extern const struct damage damages_of_content[], damages_of_namespaces[];
size_t damage_count(void);
const struct damage *damage_get(size_t index);
void damage_run(const struct shop *shop, const struct panel *panel, struct results *results, bool verbose);

#endif
