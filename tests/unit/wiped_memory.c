/* SPDX-License-Identifier: BSD-3-Clause */
#include "wiped_memory.h"

#include <stdlib.h>
#include <string.h>

void __explicit_bzero_chk(void *memory, size_t size, size_t limit);

static struct {
    size_t size;
    unsigned char bytes[1 << 20];
    size_t count;
    size_t ends[1000]; /* of each wiping, in `bytes` */
} wiped;

static void remember(const void *memory, size_t size)
{
    if (size > sizeof wiped.bytes - wiped.size ||
        wiped.count == sizeof wiped.ends / sizeof *wiped.ends)
        abort();
    memcpy(wiped.bytes + wiped.size, memory, size);
    wiped.size += size;
    wiped.ends[wiped.count++] = wiped.size;
}

void explicit_bzero(void *memory, size_t size)
{
    const void *wiped_bytes = memory;

    /* string.h declares that this only writes, and the compiler would warn of what is read. */
    __asm__("" : "+r"(wiped_bytes));
    remember(wiped_bytes, size);
    memset(memory, 0, size);
    __asm__ volatile("" : : "r"(memory) : "memory");
}

/* The name that _FORTIFY_SOURCE gives it. */
void __explicit_bzero_chk(void *memory, size_t size, size_t limit)
{
    if (size > limit)
        abort();
    explicit_bzero(memory, size);
}

void wiped_memory_forget(void)
{
    wiped.size = 0;
    wiped.count = 0;
}

unsigned wiped_memory_count(const void *bytes, size_t size)
{
    unsigned found = 0;
    size_t begin = 0;

    for (size_t i = 0; i < wiped.count; i++) {
        if (memmem(wiped.bytes + begin, wiped.ends[i] - begin, bytes, size) != NULL)
            found++;
        begin = wiped.ends[i];
    }
    return found;
}
