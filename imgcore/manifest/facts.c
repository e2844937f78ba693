/* Puts the facts of a set together: reads the images that have some, in the order of the table. */
#include "facts.h"
#include "facts_private.h"
#include <ferry/base/cleanup.h>
#include <string.h>

/* Later collectors use what earlier ones found. */
static const struct {
    enum fy_image_kind kind;
    facts_collector *collect;
} passes[] = {
    {FY_IMAGE_INVENTORY, fy_facts_inventory},
    {FY_IMAGE_PSTREE, fy_facts_pstree},
    {FY_IMAGE_IDS, fy_facts_ids},
    {FY_IMAGE_CORE, fy_facts_core},
    {FY_IMAGE_MM, fy_facts_mm},
    {FY_IMAGE_REMAP_FPATH, fy_facts_remap},
    {FY_IMAGE_FILES, fy_facts_file},
    {FY_IMAGE_REG_FILES, fy_facts_reg_file},
    {FY_IMAGE_INETSK, fy_facts_inet},
    {FY_IMAGE_UNIXSK, fy_facts_unix},
    {FY_IMAGE_TCP_STREAM, fy_facts_stream},
    {FY_IMAGE_MNTS, fy_facts_mount},
    {FY_IMAGE_CPUINFO, fy_facts_cpuinfo},
};

/* ---- lists ---- */

static int no_memory(struct fy_error *err)
{
    return fy_error_set(err, FY_E_NOMEM, "no memory for the facts of an image set");
}

int fy_facts_grow(void **items, size_t count, size_t item_bytes, struct fy_error *err)
{
    void *grown;

    if (count != 0 && (count < 16 || (count & (count - 1)) != 0))
        return 0;
    grown = realloc(*items, (count ? 2 * count : 16) * item_bytes);
    if (!grown)
        return no_memory(err);
    *items = grown;
    return 0;
}

int fy_facts_text(char **into, const char *text, struct fy_error *err)
{
    return text && !(*into = strdup(text)) ? no_memory(err) : 0;
}

int fy_facts_word(struct gathering *gathering, char ***words, size_t *count, const char *word, struct fy_error *err)
{
    char *copy = NULL;

    for (size_t i = 0; i < *count; i++)
        if (strcmp((*words)[i], word) == 0)
            return 0;
    if (*count >= FACTS_WORDS_MAX) {
        gathering->facts->has_incomplete = gathering->facts->incomplete = true;
        return 0;
    }
    if (fy_facts_grow((void **)words, *count, sizeof(char *), err) < 0 || fy_facts_text(&copy, word, err) < 0)
        return -1;
    (*words)[(*count)++] = copy;
    return 0;
}

int fy_facts_number(struct gathering *gathering, numbers *list, uint32_t number, struct fy_error *err)
{
    if (list->count > 0 && list->items[list->count - 1] == number)
        return 0;
    if (list->count >= 16 * FACTS_LIST_MAX) {
        gathering->facts->has_incomplete = gathering->facts->incomplete = true;
        return 0;
    }
    return vector_push(list, err, number);
}

static int compare_numbers(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

/* Sorted, each once. */
static void finish_numbers(struct gathering *gathering, numbers *list, uint32_t **into, size_t *count)
{
    size_t kept = 0;

    vector_sort(list, compare_numbers);
    for (size_t i = 0; i < list->count; i++)
        if (kept == 0 || list->items[kept - 1] != list->items[i])
            list->items[kept++] = list->items[i];
    if (kept > FACTS_LIST_MAX) {
        gathering->facts->has_incomplete = gathering->facts->incomplete = true;
        kept = FACTS_LIST_MAX;
    }
    *into = fy_take(list->items);
    *count = kept;
}

/* ---- reading ---- */

static int read_image(struct gathering *gathering, int dir_fd, const char *name, uint64_t id, facts_collector *collect,
                      struct fy_error *err)
{
    struct fy_image_entry entry;
    struct fy_image *image;
    int result;

    if (fy_image_open(dir_fd, name, NULL, &image, err) < 0)
        return -1;
    while ((result = fy_image_next(image, &entry, err)) > 0)
        if (collect(gathering, id, entry.message, err) < 0) {
            result = -1;
            break;
        }
    fy_image_free(image);
    return result;
}

static int read_kind(struct gathering *gathering, int dir_fd, const struct listing *listing, enum fy_image_kind kind,
                     facts_collector *collect, struct fy_error *err)
{
    for (size_t i = 0; i < listing->items.count; i++) {
        const struct item *item = &listing->items.items[i];
        const struct fy_image_type *type;
        uint64_t id;
        if (item->kind != ITEM_FILE)
            continue;
        type = fy_catalogue_find(item->name, &id);
        if (type && type->kind == kind && read_image(gathering, dir_fd, item->name, id, collect, err) < 0)
            return -1;
    }
    return 0;
}

static int take_given(Ferry__Manifest__Facts *facts, const struct fy_manifest_options *options, struct fy_error *err)
{
    facts->has_created_us = options->created_us != 0;
    facts->created_us = options->created_us;
    if (fy_facts_text(&facts->label, options->label, err) < 0 || fy_facts_text(&facts->host, options->host, err) < 0 ||
        fy_facts_text(&facts->kernel, options->kernel, err) < 0)
        return -1;
    return fy_facts_text(&facts->criu_version, options->criu_version, err);
}

static int gather(struct gathering *gathering, int dir_fd, const struct listing *listing,
                  const struct fy_manifest_options *options, struct fy_error *err)
{
    Ferry__Manifest__Facts *facts = gathering->facts;

    if (take_given(facts, options, err) < 0)
        return -1;
    for (size_t i = 0; i < FY_ARRAY_SIZE(passes); i++)
        if (read_kind(gathering, dir_fd, listing, passes[i].kind, passes[i].collect, err) < 0)
            return -1;
    finish_numbers(gathering, &gathering->uids, &facts->uids, &facts->n_uids);
    finish_numbers(gathering, &gathering->gids, &facts->gids, &facts->n_gids);
    finish_numbers(gathering, &gathering->pids, &facts->pids, &facts->n_pids);
    return fy_facts_finish_files(gathering, err);
}

int fy_facts_gather(int dir_fd, const struct listing *listing, const struct fy_manifest_options *options,
                    Ferry__Manifest__Facts **facts, struct fy_error *err)
{
    struct gathering gathering = {.facts = malloc(sizeof(Ferry__Manifest__Facts))};
    int result;

    if (!gathering.facts)
        return no_memory(err);
    ferry__manifest__facts__init(gathering.facts);
    result = gather(&gathering, dir_fd, listing, options, err);
    fy_facts_files_done(&gathering);
    free(gathering.mapped_ids.items);
    free(gathering.ghost_ids.items);
    free(gathering.uids.items);
    free(gathering.gids.items);
    free(gathering.pids.items);
    if (result == 0)
        *facts = gathering.facts;
    else
        ferry__manifest__facts__free_unpacked(gathering.facts, NULL);
    return result;
}
