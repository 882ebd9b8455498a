/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/swtpm_plugin_check/allocation.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

static _Thread_local bool counting;
static _Thread_local unsigned counted;
static _Thread_local unsigned failing;
static _Thread_local bool finding;
static atomic_long balance;

void allocation_begin(unsigned fail)
{
    counted = 0;
    failing = fail;
    counting = true;
}

unsigned allocation_end(void)
{
    counting = false;
    return counted;
}

long allocation_balance(void)
{
    return balance;
}

/* The next definition of a function; a pointer to data cannot be cast to one to a function.  dlsym
 * itself allocates for what it has to say of a failure: not meanwhile. */
static void find(const char *name, void *function_pointer)
{
    finding = true;
    *(void **)function_pointer = dlsym(RTLD_NEXT, name);
    finding = false;
    if (*(void **)function_pointer == NULL)
        abort();
}

static bool is_to_fail(void)
{
    if (finding)
        return true;
    if (!counting)
        return false;
    counted++;
    if (counted != failing)
        return false;
    errno = ENOMEM;
    return true;
}

static void *made(void *memory)
{
    if (counting && memory != NULL)
        balance++;
    return memory;
}

void *malloc(size_t size)
{
    static void *(*real)(size_t size);

    if (real == NULL && !finding)
        find("malloc", &real);
    return is_to_fail() ? NULL : made(real(size));
}

void *calloc(size_t count, size_t size)
{
    static void *(*real)(size_t count, size_t size);

    if (real == NULL && !finding)
        find("calloc", &real);
    return is_to_fail() ? NULL : made(real(count, size));
}

void *realloc(void *memory, size_t size)
{
    static void *(*real)(void *memory, size_t size);

    if (real == NULL && !finding)
        find("realloc", &real);
    if (is_to_fail())
        return NULL;
    bool was_new = memory == NULL;
    void *moved = real(memory, size);
    return was_new ? made(moved) : moved;
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
    static int (*real)(void **memory, size_t alignment, size_t size);

    if (real == NULL && !finding)
        find("posix_memalign", &real);
    if (is_to_fail())
        return ENOMEM;
    int result = real(memory, alignment, size);
    if (result == 0)
        made(*memory);
    return result;
}

void *aligned_alloc(size_t alignment, size_t size)
{
    static void *(*real)(size_t alignment, size_t size);

    if (real == NULL && !finding)
        find("aligned_alloc", &real);
    return is_to_fail() ? NULL : made(real(alignment, size));
}

void free(void *memory)
{
    static void (*real)(void *memory);

    if (finding)
        return;
    if (real == NULL)
        find("free", &real);
    if (counting && memory != NULL)
        balance--;
    real(memory);
}
