/* What a program can ask of the processor. One that has chosen its instructions by what it found dies where they are
 * missing, long after a restore that went well. */
#ifndef FERRY_AGENT_CPU_FEATURES_H
#define FERRY_AGENT_CPU_FEATURES_H

#include <stdbool.h>
#include <stddef.h>

#define FY_CPU_FEATURES_MOST 96
#define FY_CPU_INFO_SIZE 16384

/* /proc/cpuinfo from its beginning: at least the first processor's record; "" when it can't be read. */
void fy_cpu_info_read(char info[FY_CPU_INFO_SIZE]);
/* Those features of the first processor in `info` that programs look for, as the kernel names them; static text.
 * Features that only the kernel uses, and those that come and go with its version on the same processor, are none of
 * them. */
size_t fy_cpu_features(const char *info, const char *names[FY_CPU_FEATURES_MOST]);
/* Whether the first processor in `info` has it, any that the kernel names. */
bool fy_cpu_has(const char *info, const char *name);
/* The first processor's name, "" when none is told. */
void fy_cpu_model(const char *info, char *model, size_t model_size);

#endif
