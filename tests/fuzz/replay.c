/* Runs a fuzz target over files without a fuzzer: what the ordinary tests do with the corpora.
 *
 *     replay-NAME DIRECTORY...          each file in them is one input; fails when there is none */
#include <dirent.h>
#include <ferry/base/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_LIMIT_BYTES ((size_t)4 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned replay_file(const char *directory, const char *name)
{
    struct fy_error err = FY_ERROR_INIT;
    char path[512], *data;
    uint8_t *exact;
    size_t size;

    (void)snprintf(path, sizeof(path), "%s/%s", directory, name);
    if (fy_fs_read_file(path, INPUT_LIMIT_BYTES, &data, &size, &err) < 0) {
        (void)fprintf(stderr, "%s\n", err.message);
        exit(1);
    }
    /* Of this size to the byte, so that reading beyond it is seen. */
    exact = malloc(size ? size : 1);
    if (!exact)
        abort();
    memcpy(exact, data, size);
    (void)LLVMFuzzerTestOneInput(exact, size);
    free(exact);
    free(data);
    return 1;
}

int main(int argc, char **argv)
{
    unsigned count = 0;

    for (int i = 1; i < argc; i++) {
        DIR *directory = opendir(argv[i]);
        struct dirent *entry;
        while (directory && (entry = readdir(directory)))
            if (entry->d_name[0] != '.')
                count += replay_file(argv[i], entry->d_name);
        if (directory)
            (void)closedir(directory);
    }
    (void)printf("%u inputs\n", count);
    return count > 0 ? 0 : 1;
}
