/* Puts checkpoints into a store and removes them until it is killed: a program of its own, since its threads are begun
 * in a process that has been forked from one with threads otherwise, which ThreadSanitizer does not allow.
 *
 *     checkpoint-worker DIRECTORY STORE SET SEED      as in struct shelf; it writes a byte when it begins */
#include "shelf.h"

#include <err.h>
#include <fcntl.h>
#include <ferry/imgcore/manifest.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void put(struct shelf *shelf, const char *id, const char *parent)
{
    struct fy_error why = FY_ERROR_INIT;
    shelf_dirty(shelf, 30);
    (void)unlinkat(shelf->set.fd, FY_MANIFEST_NAME, 0);
    if (shelf_put(shelf, id, parent, &why) < 0)
        errx(1, "%s", why.message);
}

static void drop(struct shelf *shelf, const char *id, const char *child)
{
    struct fy_error why = FY_ERROR_INIT;
    if (fy_checkpoint_remove(shelf->store, id, &child, child ? 1 : 0, NULL, &why) < 0)
        errx(1, "%s", why.message);
}

int main(int argc, char **argv)
{
    struct shelf shelf = {0};
    if (argc != 5)
        errx(2, "usage: checkpoint-worker DIRECTORY STORE SET SEED");
    (void)snprintf(shelf.directory, sizeof shelf.directory, "%s", argv[1]);
    (void)snprintf(shelf.store_path, sizeof shelf.store_path, "%s", argv[2]);
    (void)snprintf(shelf.set.path, sizeof shelf.set.path, "%s", argv[3]);
    shelf.set.fd = open(argv[3], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    shelf.seed = (unsigned)strtoul(argv[4], NULL, 10);
    if (shelf.set.fd < 0)
        err(1, "%s", argv[3]);
    shelf_reopen(&shelf, SHELF_COMPRESSED, 8);
    if (write(STDOUT_FILENO, "", 1) != 1)
        err(1, "nobody hears");
    for (;;) {
        put(&shelf, "c-2", "c-1");
        put(&shelf, "c-3", "c-2");
        drop(&shelf, "c-2", "c-3");
        drop(&shelf, "c-3", NULL);
    }
}
