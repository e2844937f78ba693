/* The verdict is written by the script that CRIU asks when all is restored (rehearse.c), as its shell counts: a program
 * that a signal ended has 128 and the signal's number. */
#include <ferry/agent/rehearsal.h>

#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <ferry/base/text.h>
#include <stdio.h>
#include <string.h>

#define VERDICT_LIMIT_BYTES 64
#define SHELL_NOT_EXECUTABLE 126
#define SHELL_NOT_FOUND 127
#define SHELL_SIGNAL 128
#define STATUS_MAX 255

static int tell_probe(const char *probe, unsigned status, struct fy_error *err)
{
    if (status > SHELL_SIGNAL)
        return fy_error_set(err, FY_E_HOOK, "the probe %s was killed by signal %u (%s)", probe, status - SHELL_SIGNAL,
                            strsignal((int)status - SHELL_SIGNAL));
    if (status == SHELL_NOT_FOUND || status == SHELL_NOT_EXECUTABLE)
        return fy_error_set(err, FY_E_HOOK, "the probe %s could not be run: %s", probe,
                            status == SHELL_NOT_FOUND ? "it, its interpreter or a command in it was not found"
                                                      : "it may not be executed");
    return fy_error_set(err, FY_E_HOOK, "the probe %s ended with %u", probe, status);
}

int fy_rehearsal_judge(const char *log_dir, const char *probe, struct fy_error *err)
{
    FY_AUTO_FREE char *path = NULL;
    FY_AUTO_FREE char *verdict = NULL;
    uint64_t status = 0;
    if (asprintf(&path, "%s/" FY_REHEARSAL_VERDICT, log_dir) < 0) {
        path = NULL;
        return fy_error_set(err, FY_E_NOMEM, "no memory for a rehearsal");
    }
    if (fy_fs_read_file(path, VERDICT_LIMIT_BYTES, &verdict, NULL, NULL) < 0)
        return fy_error_set(err, FY_E_RESTORE, "it was not restored");
    verdict[strcspn(verdict, "\n")] = '\0';
    if (!fy_text_parse_uint(verdict, STATUS_MAX, &status) || (status && !probe))
        return fy_error_set(err, FY_E_CHILD, "%s says '%.16s', which is no exit status of a probe", path, verdict);
    return status ? tell_probe(probe, (unsigned)status, err) : 0;
}
