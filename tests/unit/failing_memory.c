/* SPDX-License-Identifier: BSD-3-Clause */
#include "failing_memory.h"

#include <errno.h>
#include <stddef.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
char *__wrap_strdup(const char *text);

static bool armed;
static bool failed;
static unsigned good_allocations;

void failing_memory_start(unsigned after)
{
    good_allocations = after;
    failed = false;
    armed = true;
}

bool failing_memory_end(void)
{
    armed = false;
    return failed;
}

static bool fails_now(void)
{
    if (!armed || failed || good_allocations-- > 0)
        return false;
    failed = true;
    errno = ENOMEM;
    return true;
}

void *__wrap_malloc(size_t size)
{
    return fails_now() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails_now() ? NULL : __real_calloc(count, size);
}

char *__wrap_strdup(const char *text)
{
    return fails_now() ? NULL : __real_strdup(text);
}
