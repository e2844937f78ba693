/* Apart from what compresses, so that a client that checks its arguments does not load libarchive and what that brings.
 */
#include <ferry/base/cleanup.h>
#include <ferry/imgcore/archive.h>
#include <string.h>

int fy_archive_compression_parse(const char *text, enum fy_archive_compression *compression, struct fy_error *err)
{
    static const char *const names[] = {
        [FY_ARCHIVE_NONE] = "none", [FY_ARCHIVE_GZIP] = "gzip", [FY_ARCHIVE_ZSTD] = "zstd"};
    for (size_t i = 0; i < FY_ARRAY_SIZE(names); i++)
        if (strcmp(text, names[i]) == 0) {
            *compression = (enum fy_archive_compression)i;
            return 0;
        }
    return fy_error_set(err, FY_E_USAGE, "compression '%.32s': expected zstd, gzip or none", text);
}
