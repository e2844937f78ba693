/* /proc/cpuinfo: records of "key<tab>: value" lines, one for each processor. */
#include "cpu_features.h"

#include <ferry/base/cleanup.h>
#include <ferry/base/text.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Of x86-64: instructions and state that a program may use without asking the kernel. */
static const char *const features[] = {"3dnowprefetch",
                                       "abm",
                                       "adx",
                                       "aes",
                                       "amx_bf16",
                                       "amx_fp16",
                                       "amx_int8",
                                       "amx_tile",
                                       "avx",
                                       "avx2",
                                       "avx512_4fmaps",
                                       "avx512_4vnniw",
                                       "avx512_bf16",
                                       "avx512_bitalg",
                                       "avx512_fp16",
                                       "avx512_vbmi2",
                                       "avx512_vnni",
                                       "avx512_vp2intersect",
                                       "avx512_vpopcntdq",
                                       "avx512bw",
                                       "avx512cd",
                                       "avx512dq",
                                       "avx512er",
                                       "avx512f",
                                       "avx512ifma",
                                       "avx512pf",
                                       "avx512vbmi",
                                       "avx512vl",
                                       "avx_ifma",
                                       "avx_vnni",
                                       "avx_vnni_int8",
                                       "bmi1",
                                       "bmi2",
                                       "cldemote",
                                       "clflush",
                                       "clflushopt",
                                       "clwb",
                                       "clzero",
                                       "cmov",
                                       "cmpccxadd",
                                       "cx16",
                                       "cx8",
                                       "f16c",
                                       "fma",
                                       "fma4",
                                       "fpu",
                                       "fsgsbase",
                                       "fxsr",
                                       "gfni",
                                       "lahf_lm",
                                       "lwp",
                                       "misalignsse",
                                       "mmx",
                                       "mmxext",
                                       "movbe",
                                       "movdir64b",
                                       "movdiri",
                                       "mwaitx",
                                       "pclmulqdq",
                                       "pni",
                                       "popcnt",
                                       "ptwrite",
                                       "rdpid",
                                       "rdrand",
                                       "rdseed",
                                       "rdtscp",
                                       "rtm",
                                       "serialize",
                                       "sha_ni",
                                       "sse",
                                       "sse2",
                                       "sse4_1",
                                       "sse4_2",
                                       "sse4a",
                                       "ssse3",
                                       "tbm",
                                       "tsc",
                                       "vaes",
                                       "vpclmulqdq",
                                       "waitpkg",
                                       "xop",
                                       "xsave",
                                       "xsavec",
                                       "xsaveopt"};
_Static_assert(FY_ARRAY_SIZE(features) <= FY_CPU_FEATURES_MOST, "the offer has room for all");

void fy_cpu_info_read(char info[FY_CPU_INFO_SIZE])
{
    size_t size = 0;
    FY_AUTO_CLOSE int fd = open("/proc/cpuinfo", O_RDONLY | O_CLOEXEC);
    while (fd >= 0 && size < FY_CPU_INFO_SIZE - 1 && !memmem(info, size, "\n\n", 2)) {
        ssize_t got = read(fd, info + size, FY_CPU_INFO_SIZE - 1 - size);
        if (got <= 0)
            break;
        size += (size_t)got;
    }
    info[size] = '\0';
}

/* The value of a line in the first record, up to a newline or the end of the text; NULL: there is none. */
static const char *value_of(const char *info, const char *key)
{
    const char *record_end = strstr(info, "\n\n");
    const char *end = record_end ? record_end : info + strlen(info);
    size_t size = strlen(key);
    for (const char *line = info, *next; line < end; line = next) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        const char *colon = memchr(line, ':', (size_t)(end - line));
        next = newline ? newline + 1 : end;
        if (colon && colon < next && !strncmp(line, key, size) && line + size + strspn(line + size, "\t ") == colon)
            return colon + 1;
    }
    return NULL;
}

bool fy_cpu_has(const char *info, const char *name)
{
    const char *value = value_of(info, "flags"), *word = value ? value + strspn(value, " ") : NULL;
    size_t size = strlen(name);
    while (word && *word && *word != '\n') {
        size_t length = strcspn(word, " \n");
        if (length == size && !strncmp(word, name, size))
            return true;
        word += length;
        word += strspn(word, " ");
    }
    return false;
}

size_t fy_cpu_features(const char *info, const char *names[FY_CPU_FEATURES_MOST])
{
    size_t count = 0;
    for (size_t i = 0; i < FY_ARRAY_SIZE(features); i++) {
        if (fy_cpu_has(info, features[i]))
            names[count++] = features[i];
    }
    return count;
}

void fy_cpu_model(const char *info, char *model, size_t model_size)
{
    char text[128] = "";
    const char *value = value_of(info, "model name");
    if (value)
        (void)snprintf(text, sizeof text, "%.*s", (int)strcspn(value, "\n"), value);
    fy_text_copy_printable(model, model_size, text + strspn(text, " "));
}
