/* Puts the facts of a set together. */
#include "facts.h"
#include <ferry/base/cleanup.h>
#include <string.h>

static int copy(char **into, const char *text, struct fy_error *err)
{
    if (text && !(*into = strdup(text)))
        return fy_error_set(err, FY_E_NOMEM, "no memory for the facts of an image set");
    return 0;
}

static int take_given(Ferry__Manifest__Facts *facts, const struct fy_manifest_options *options, struct fy_error *err)
{
    facts->has_created_us = options->created_us != 0;
    facts->created_us = options->created_us;
    if (copy(&facts->label, options->label, err) < 0 || copy(&facts->host, options->host, err) < 0 ||
        copy(&facts->kernel, options->kernel, err) < 0)
        return -1;
    return copy(&facts->criu_version, options->criu_version, err);
}

int fy_facts_gather(int dir_fd, const struct listing *listing, const struct fy_manifest_options *options,
                    Ferry__Manifest__Facts **facts, struct fy_error *err)
{
    Ferry__Manifest__Facts *made = malloc(sizeof(*made));

    (void)dir_fd;
    (void)listing;
    if (!made)
        return fy_error_set(err, FY_E_NOMEM, "no memory for the facts of an image set");
    ferry__manifest__facts__init(made);
    if (take_given(made, options, err) < 0) {
        ferry__manifest__facts__free_unpacked(made, NULL);
        return -1;
    }
    *facts = made;
    return 0;
}
