/* libFuzzer target: the verifier of whole sets, over sets from bytes. */
#include "archive.h"
#include "require.h"
#include <ferry/imgcore/verify.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct archive archive;
    struct fy_imageset_summary summary = {0};
    struct fy_error err = FY_ERROR_INIT;

    archive_parse(&archive, data, size);
    require((fy_imageset_check(archive_unpack(&archive), NULL, &summary, &err) < 0) == fy_error_is_set(&err));
    fy_imageset_summary_done(&summary);
    return 0;
}
