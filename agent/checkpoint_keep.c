/* Verifying and removing: nothing but work in a thread. */
#include "checkpoint_op.h"

#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <string.h>

struct keeping {
    struct fy_checkpoint_op op;
    char id[FY_CHECKPOINT_ID_SIZE];
    char (*children)[FY_CHECKPOINT_ID_SIZE];
    size_t child_count;
};

static struct keeping *of(struct fy_checkpoint_op *op)
{
    return fy_container_of(op, struct keeping, op);
}

static void done(struct fy_checkpoint_op *op)
{
    free(of(op)->children);
}

static int start(const struct fy_checkpoint_kind *kind, const struct fy_checkpoint_op_options *options, const char *id,
                 struct fy_checkpoint_op **op, struct fy_error *err)
{
    if (checkpoint_op_new(kind, options, NULL, op, err) < 0)
        return -1;
    (void)snprintf(of(*op)->id, sizeof of(*op)->id, "%s", id);
    return 0;
}

/* ---- verify ---- */

static void note(const struct fy_checkpoint_damage *damage, void *data)
{
    FILE *log = data;
    (void)fprintf(log, "%s\n", damage->what);
}

/* In the thread. */
static void verify(struct fy_checkpoint_op *op)
{
    struct keeping *keeping = of(op);
    FY_AUTO_FREE char *path = NULL;
    bool whole_look = false;
    if (asprintf(&path, "%s/verify.log", op->options.log_dir) < 0)
        path = NULL;
    FY_AUTO_FCLOSE FILE *log = path ? fopen(path, "we") : NULL;
    int result = fy_checkpoint_verify(op->options.store, keeping->id, log ? note : NULL, log, &op->progress,
                                      &whole_look, &op->work_err);
    if (log && result == 0)
        (void)fprintf(log, "checkpoint %s is whole%s\n", keeping->id,
                      whole_look ? "" : ", as far as can be seen without its key: what is stored is as it was");
}

static void begin_verify(struct fy_checkpoint_op *op)
{
    checkpoint_op_only(op, "verify", verify);
}

static const struct fy_checkpoint_kind verify_kind = {
    .size = sizeof(struct keeping),
    .begin = begin_verify,
    .done = done,
};

int fy_checkpoint_verify_start(const struct fy_checkpoint_op_options *options, const char *id,
                               struct fy_checkpoint_op **op, struct fy_error *err)
{
    return start(&verify_kind, options, id, op, err);
}

/* ---- remove ---- */

/* In the thread. */
static void remove_it(struct fy_checkpoint_op *op)
{
    struct keeping *keeping = of(op);
    FY_AUTO_FREE const char **children = calloc(keeping->child_count + 1, sizeof(*children));
    if (!children) {
        fy_error_set(&op->work_err, FY_E_NOMEM, "no memory for removing a checkpoint");
        return;
    }
    for (size_t i = 0; i < keeping->child_count; i++)
        children[i] = keeping->children[i];
    (void)fy_checkpoint_remove(op->options.store, keeping->id, children, keeping->child_count, &op->progress,
                               &op->work_err);
}

static void begin_remove(struct fy_checkpoint_op *op)
{
    checkpoint_op_only(op, of(op)->child_count ? "squash" : "remove", remove_it);
}

static const struct fy_checkpoint_kind remove_kind = {
    .size = sizeof(struct keeping),
    .begin = begin_remove,
    .done = done,
};

int fy_checkpoint_remove_start(const struct fy_checkpoint_op_options *options, const char *id,
                               const char *const *children, size_t child_count, struct fy_checkpoint_op **op,
                               struct fy_error *err)
{
    char(*copies)[FY_CHECKPOINT_ID_SIZE] = calloc(child_count + 1, sizeof *copies);
    if (!copies)
        return fy_error_set(err, FY_E_NOMEM, "no memory for removing a checkpoint");
    if (start(&remove_kind, options, id, op, err) < 0) {
        free(copies);
        return -1;
    }
    for (size_t i = 0; i < child_count; i++)
        (void)snprintf(copies[i], sizeof copies[i], "%s", children[i]);
    of(*op)->children = copies;
    of(*op)->child_count = child_count;
    return 0;
}
