/* Sets made by hand. */
#include "made_set.h"

#include <criterion/criterion.h>
#include <criu/mm.pb-c.h>
#include <criu/pagemap.pb-c.h>
#include <criu/pstree.pb-c.h>
#include <stdio.h>

static struct made made;

void made_tree(const struct scratch *set, const uint32_t *pids, size_t count)
{
    made_magic(&made, 0x50273030);
    for (size_t i = 0; i < count; i++) {
        uint32_t thread = pids[i];
        PstreeEntry entry = PSTREE_ENTRY__INIT;
        entry.pid = entry.pgid = entry.sid = pids[i];
        entry.threads = &thread;
        entry.n_threads = 1;
        made_entry(&made, &entry);
    }
    scratch_write(set, "pstree.img", made.data, made.size);
}

void made_mm(const struct scratch *set, uint32_t pid, const struct made_mapping *mappings, size_t count)
{
    char name[32];
    MmEntry mm = MM_ENTRY__INIT;
    static VmaEntry vmas[64];
    VmaEntry *pointers[64];
    for (size_t i = 0; i < count; i++) {
        vmas[i] = (VmaEntry)VMA_ENTRY__INIT;
        vmas[i].start = mappings[i].start;
        vmas[i].end = mappings[i].end;
        vmas[i].prot = mappings[i].protection;
        vmas[i].status = mappings[i].status;
        vmas[i].shmid = mappings[i].object;
        pointers[i] = &vmas[i];
    }
    mm.vmas = pointers;
    mm.n_vmas = count;
    made_magic(&made, 0x57492820);
    made_entry(&made, &mm);
    (void)snprintf(name, sizeof(name), "mm-%u.img", pid);
    scratch_write(set, name, made.data, made.size);
}

void made_memory(const struct scratch *set, const char *name, uint32_t pages_id, const struct made_piece *pieces,
                 const void *bytes, size_t size)
{
    char pages[32];
    PagemapHead head = PAGEMAP_HEAD__INIT;
    head.pages_id = pages_id;
    made_magic(&made, 0x56084025);
    made_entry(&made, &head);
    for (; pieces->pages; pieces++) {
        PagemapEntry entry = PAGEMAP_ENTRY__INIT;
        entry.vaddr = pieces->address;
        entry.has_nr_pages = entry.has_flags = true;
        entry.nr_pages = pieces->pages;
        entry.flags = pieces->flags;
        made_entry(&made, &entry);
    }
    scratch_write(set, name, made.data, made.size);
    (void)snprintf(pages, sizeof(pages), "pages-%u.img", pages_id);
    scratch_write(set, pages, bytes, size);
}
