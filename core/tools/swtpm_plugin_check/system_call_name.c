/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/swtpm_plugin_check/trace.h"

#include <stdio.h>
#include <sys/syscall.h>

/* Made at build time from what <sys/syscall.h> defines: lines {"openat", SYS_openat}, */
static const struct {
    const char *name;
    long number;
} names[] = {
#include "system_call_names.inc"
};

const char *system_call_name(uint64_t number)
{
    static char text[24];

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if ((uint64_t)names[i].number == number)
            return names[i].name;
    snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    return text;
}
