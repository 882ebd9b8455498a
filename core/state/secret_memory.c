/* SPDX-License-Identifier: BSD-3-Clause */
#include "state/secret_memory.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#include "util/log.h"

static void lock(const void *memory, size_t size)
{
    static atomic_flag warned = ATOMIC_FLAG_INIT;

    if (mlock(memory, size) == 0 || atomic_flag_test_and_set(&warned))
        return;
    log_error("keys cannot be locked into memory and may reach the swap space: %s; raise the "
              "limit of locked memory (ulimit -l)", strerror(errno));
}

void *secret_memory_new(size_t size)
{
    void *memory =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return NULL;
    if (madvise(memory, size, MADV_DONTDUMP) != 0) {
        munmap(memory, size);
        return NULL;
    }
    lock(memory, size);
    return memory;
}

void secret_memory_free(void *memory, size_t size)
{
    if (memory == NULL)
        return;
    explicit_bzero(memory, size);
    munmap(memory, size);
}
