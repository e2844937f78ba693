/* The processor's features as /proc/cpuinfo tells them. */
#include <criterion/criterion.h>

#include "cpu_features.h"

#include <string.h>

static const char two[] = "processor\t: 0\n"
                          "model name\t: Example \033[31m 9000\n"
                          "flags\t\t: fpu avx2 avx512f nonsense sse4_2\n"
                          "vmx flags\t: movbe\n"
                          "\n"
                          "processor\t: 1\n"
                          "flags\t\t: sha_ni\n"
                          "\n";

Test(cpu_features, of_the_first_processor)
{
    char model[64];
    const char *names[FY_CPU_FEATURES_MOST];
    cr_expect(fy_cpu_has(two, "fpu") && fy_cpu_has(two, "nonsense") && fy_cpu_has(two, "sse4_2"));
    cr_expect_not(fy_cpu_has(two, "avx"), "half a word is none");
    cr_expect_not(fy_cpu_has(two, "avx2_more"), "nor is one that goes on");
    cr_expect_not(fy_cpu_has(two, "movbe"), "other lines end in `flags` too");
    cr_expect_not(fy_cpu_has(two, "sha_ni"));
    cr_expect_not(fy_cpu_has(two, ""));
    cr_assert_eq(fy_cpu_features(two, names), 4);
    cr_expect_str_eq(names[0], "avx2");
    cr_expect_str_eq(names[3], "sse4_2");
    fy_cpu_model(two, model, sizeof model);
    cr_expect(strstr(model, "Example") == model && strstr(model, "9000") && !strchr(model, '\033'), "%s", model);
}

Test(cpu_features, of_the_line_of_that_name_only)
{
    static const char others[] = "vmx flags\t: movbe\nflags2\t: aes\nflagsx : adx\nflags\t\t: fpu\n";
    cr_expect(fy_cpu_has(others, "fpu"));
    cr_expect_not(fy_cpu_has(others, "movbe") || fy_cpu_has(others, "aes") || fy_cpu_has(others, "adx"));
}

Test(cpu_features, of_what_is_cut_or_empty)
{
    const char *names[FY_CPU_FEATURES_MOST];
    char model[64];
    for (size_t size = 0; size < sizeof two; size++) {
        char cut[sizeof two] = "";
        memcpy(cut, two, size);
        (void)fy_cpu_features(cut, names);
        fy_cpu_model(cut, model, sizeof model);
    }
    cr_expect_eq(fy_cpu_features("", names), 0);
    cr_expect_eq(fy_cpu_features("flags", names), 0);
    cr_expect_eq(fy_cpu_features("flags\t:", names), 0);
    cr_expect_eq(fy_cpu_features("\n\nflags: fpu\n", names), 0);
    fy_cpu_model("", model, sizeof model);
    cr_expect_str_eq(model, "");
}

Test(cpu_features, of_this_machine)
{
    char info[FY_CPU_INFO_SIZE];
    const char *names[FY_CPU_FEATURES_MOST];
    fy_cpu_info_read(info);
    size_t count = fy_cpu_features(info, names);
#ifdef __x86_64__
    cr_assert_gt(count, 5);
    cr_expect(fy_cpu_has(info, "sse2"), "every one has it");
#endif
    for (size_t i = 0; i < count; i++)
        cr_expect(fy_cpu_has(info, names[i]));
}
