/* Damage to the set before, which has the pages that did not change since. */
#include "damage.h"
#include <criu/pagemap.pb-c.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static unsigned count_in_parent(ProtobufCMessage *message, uint64_t number, void *context)
{
    const PagemapEntry *run = (const PagemapEntry *)message;

    if (number > 0 && (run->in_parent || (run->has_flags && run->flags & 1)))
        ++*(size_t *)context;
    return 0;
}

/* The pagemaps of a set that has pages in the set before. */
static struct shop_file *next_with_parent(const struct trial *trial, size_t *index)
{
    struct shop_file *file;

    while ((file = shop_next(trial->shop, FY_IMAGE_PAGEMAP, index)) != NULL) {
        size_t count = 0;
        shop_look(trial->shop, file, count_in_parent, &count);
        if (count > 0)
            return file;
    }
    return NULL;
}

static void parent_link_lost(struct trial *trial)
{
    size_t index = 0;

    if (!next_with_parent(trial, &index))
        return;
    if (renameat(trial->shop->fd, "parent", trial->shop->fd, "elsewhere") < 0)
        die("%s has no link to its parent", trial->shop->path);
    trial_judge(trial, NULL);
    if (symlinkat("../nowhere", trial->shop->fd, "parent") < 0)
        die("%s: cannot make a link", trial->shop->path);
    trial_judge(trial, NULL);
    if (unlinkat(trial->shop->fd, "parent", 0) < 0 || symlinkat(".", trial->shop->fd, "parent") < 0)
        die("%s: cannot make a link", trial->shop->path);
    trial_judge(trial, NULL);
    if (renameat(trial->shop->fd, "elsewhere", trial->shop->fd, "parent") < 0)
        die("%s: cannot put the link back", trial->shop->path);
}

static void open_parent(const struct trial *trial, struct shop *parent, char path[512])
{
    (void)snprintf(path, 512, "%s/parent", trial->shop->path);
    shop_open(parent, path);
}

/* What is done to the set before, which is whole again afterwards. */
static void parent_pagemap_missing(struct trial *trial)
{
    struct shop parent;
    struct shop_file *file;
    char path[512];

    for (size_t i = 0; (file = next_with_parent(trial, &i)) != NULL;) {
        const struct shop_file *theirs;
        open_parent(trial, &parent, path);
        theirs = shop_find(&parent, FY_IMAGE_PAGEMAP, file->id);
        if (!theirs)
            die("%s has no %s", path, file->name);
        shop_remove(&parent, theirs->name);
        trial_judge(trial, NULL);
        shop_restore(&parent, theirs);
        shop_close(&parent);
    }
}

static void parent_pages_short(struct trial *trial)
{
    struct shop_file *file;
    struct shop parent;
    char path[512];

    for (size_t i = 0; (file = next_with_parent(trial, &i)) != NULL;) {
        const struct shop_file *theirs;
        const struct shop_file *pages;
        uint32_t id[2] = {0};
        open_parent(trial, &parent, path);
        theirs = shop_find(&parent, FY_IMAGE_PAGEMAP, file->id);
        /* pagemap_head has one field: size 2, tag 1, a number below 128 */
        if (theirs && theirs->whole.size > 14 && theirs->whole.data[8] == 2)
            id[0] = theirs->whole.data[13];
        pages = shop_find(&parent, FY_IMAGE_PAGES, id[0]);
        if (pages && pages->whole.size > 0) {
            shop_write(&parent, pages->name, pages->whole.data, pages->whole.size - 1);
            trial_judge(trial, NULL);
            shop_restore(&parent, pages);
        }
        shop_close(&parent);
    }
}

static unsigned drop_what_is_needed(ProtobufCMessage *message, uint64_t number, void *context)
{
    (void)message, (void)context;
    return number == 0;
}

/* The map of the set before has its head only. */
static void parent_pagemap_empty(struct trial *trial)
{
    struct shop_file *file;
    struct shop parent;
    char path[512];

    for (size_t i = 0; (file = next_with_parent(trial, &i)) != NULL;) {
        const struct shop_file *theirs;
        open_parent(trial, &parent, path);
        theirs = shop_find(&parent, FY_IMAGE_PAGEMAP, file->id);
        if (theirs && shop_edit(&parent, theirs, drop_what_is_needed, NULL)) {
            trial_judge(trial, NULL);
            shop_restore(&parent, theirs);
        }
        shop_close(&parent);
    }
}

const struct damage damages_of_parents[] = {
    {"link to the parent lost", "wrong memory", parent_link_lost},
    {"parent's pagemap missing", "wrong memory", parent_pagemap_missing},
    {"parent's pagemap empty", "wrong memory", parent_pagemap_empty},
    {"parent's pages short", "hangs", parent_pages_short},
    {0},
};
