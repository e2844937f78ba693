/* Apart from what writes them, so that a client that checks its arguments does not load libarchive and what that
 * brings. */
#include <ferry/agent/checkpoint.h>
#include <ferry/base/cleanup.h>
#include <string.h>

int fy_export_format_parse(const char *text, enum fy_export_format *form, struct fy_error *err)
{
    static const char *const names[] = {
        [FY_EXPORT_PODMAN] = "podman", [FY_EXPORT_TAR] = "tar", [FY_EXPORT_OCI] = "oci"};
    for (size_t i = 0; i < FY_ARRAY_SIZE(names); i++)
        if (strcmp(text, names[i]) == 0) {
            *form = (enum fy_export_format)i;
            return 0;
        }
    return fy_error_set(err, FY_E_USAGE, "format '%.32s': expected podman, tar or oci", text);
}
