/* SPDX-License-Identifier: BSD-3-Clause */
#include "inject.h"

#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

const char *const fault_class_names[FAULT_CLASSES] = {
    [FAULT_MEMORY] = "memory",
    [FAULT_LIBRARY_MEMORY] = "library-memory",
    [FAULT_OPEN] = "open",
    [FAULT_MAKE_DESCRIPTOR] = "make-descriptor",
    [FAULT_READ] = "read",
    [FAULT_WRITE] = "write",
    [FAULT_SYNC] = "sync",
    [FAULT_RENAME] = "rename",
    [FAULT_UNLINK] = "unlink",
    [FAULT_TRUNCATE] = "truncate",
    [FAULT_STAT] = "stat",
    [FAULT_FCNTL] = "fcntl",
    [FAULT_DUPLICATE] = "duplicate",
    [FAULT_CLOSE] = "close",
    [FAULT_SEEK] = "seek",
    [FAULT_MODE] = "mode",
    [FAULT_MAKE_DIRECTORY] = "make-directory",
    [FAULT_READ_DIRECTORY] = "read-directory",
    [FAULT_RESOLVE] = "resolve",
    [FAULT_MAP] = "map",
    [FAULT_MLOCK] = "mlock",
    [FAULT_POLL] = "poll",
    [FAULT_PROCESS] = "process",
    [FAULT_IDENTITY] = "identity",
    [FAULT_CONNECT] = "connect",
    [FAULT_LOAD] = "load",
    [FAULT_SYSCALL] = "syscall",
    [FAULT_RANDOM] = "random",
    [FAULT_STORAGE_OPEN] = "storage.open",
    [FAULT_STORAGE_LOCK] = "storage.lock",
    [FAULT_STORAGE_UNLOCK] = "storage.unlock",
    [FAULT_STORAGE_GET] = "storage.get",
    [FAULT_STORAGE_PUT] = "storage.put",
    [FAULT_STORAGE_DEL] = "storage.del",
    [FAULT_STORAGE_LIST] = "storage.list",
    [FAULT_CRYPTO_RANDOM] = "crypto.random",
    [FAULT_CRYPTO_DIGEST] = "crypto.digest",
    [FAULT_CRYPTO_HMAC] = "crypto.hmac",
    [FAULT_CRYPTO_CBC] = "crypto.cbc",
    [FAULT_CRYPTO_AEAD] = "crypto.aead",
    [FAULT_CRYPTO_HKDF] = "crypto.hkdf",
    [FAULT_CRYPTO_PBKDF2] = "crypto.pbkdf2",
};

static struct fault_control *control;

/* Where the libraries lie whose memory is a class of its own. */
struct range {
    uintptr_t start;
    uintptr_t end;
};
static struct range libraries[2];

static int note_library(struct dl_phdr_info *info, size_t size, void *count)
{
    size_t *used = count;

    (void)size;
    if (strstr(info->dlpi_name, "/libtpms.so") == NULL &&
        strstr(info->dlpi_name, "/libcrypto.so") == NULL)
        return 0;
    if (*used == sizeof libraries / sizeof *libraries)
        return 1;
    struct range *range = &libraries[(*used)++];
    range->start = info->dlpi_addr;
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        uintptr_t end = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr + info->dlpi_phdr[i].p_memsz;
        if (info->dlpi_phdr[i].p_type == PT_LOAD && end > range->end)
            range->end = end;
    }
    return 0;
}

static bool is_library(const void *caller)
{
    uintptr_t address = (uintptr_t)caller;

    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++)
        if (address >= libraries[i].start && address < libraries[i].end)
            return true;
    return false;
}

/* FNV-1a, by words. */
static const uint32_t FNV_START = 2166136261;
static const uint32_t FNV_PRIME = 16777619;

static uint32_t add_to_hash(uint32_t hash, uint32_t word)
{
    return (hash ^ word) * FNV_PRIME;
}

/* Of the offsets of the return addresses in their modules. */
static uint32_t hash_stack(void)
{
    void *frames[64];
    struct dl_find_object module;
    uint32_t hash = FNV_START;
    int count = backtrace(frames, sizeof frames / sizeof *frames);

    for (int i = 0; i < count; i++) {
        bool is_known = _dl_find_object(frames[i], &module) == 0;
        uintptr_t base = is_known ? module.dlfo_link_map->l_addr : 0;
        hash = add_to_hash(hash, (uint32_t)((uintptr_t)frames[i] - base));
    }
    return hash;
}

__attribute__((constructor)) static void map_control(void)
{
    const char *path = getenv("SWTPM_FAULT_CONTROL");
    size_t count = 0;

    if (path == NULL)
        return;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    void *mapped =
        fd < 0 ? MAP_FAILED
               : mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mapped == MAP_FAILED) {
        fprintf(stderr, "libinject: cannot map '%s': %s\n", path, strerror(errno));
        _exit(126);
    }
    close(fd);
    dl_iterate_phdr(note_library, &count);
    hash_stack(); /* the first time, backtrace(3) loads a library */
    control = mapped;
}

static void note_caller(const void *caller)
{
    Dl_info info;

    if (dladdr(caller, &info) == 0)
        return;
    snprintf(control->caller, sizeof control->caller, "%s+%#tx", info.dli_fname,
             (const char *)caller - (const char *)info.dli_fbase);
}

/* The classes that have thousands of calls from a few places. */
static void note_stack(enum fault_class class, uint32_t number)
{
    static const enum fault_class noted[] = {FAULT_MEMORY, FAULT_LIBRARY_MEMORY, FAULT_RANDOM};

    for (size_t i = 0; i < sizeof noted / sizeof *noted; i++)
        if (class == noted[i] && number <= FAULT_STACKS)
            control->stacks[i][number - 1] = hash_stack();
}

bool fault_strikes(enum fault_class class, const void *caller)
{
    if (control == NULL || !control->active || control->struck)
        return false;
    if (class == FAULT_MEMORY && is_library(caller))
        class = FAULT_LIBRARY_MEMORY;
    uint32_t number = ++control->counts[class];
    if (control->number == 0)
        note_stack(class, number);
    if (class != control->class || number != control->number)
        return false;
    control->struck = FAULT_STRUCK;
    note_caller(caller);
    errno = control->error;
    return true;
}

void fault_spare(void)
{
    control->struck = FAULT_SPARED;
}

void fault_note_filter(const struct sock_fprog *filter)
{
    uint32_t hash = FNV_START;

    for (unsigned i = 0; i < filter->len; i++) {
        const struct sock_filter *step = &filter->filter[i];

        hash = add_to_hash(hash, step->code | (uint32_t)step->jt << 16 | (uint32_t)step->jf << 24);
        hash = add_to_hash(hash, step->k);
    }
    if (control != NULL)
        control->filter = hash;
}

const struct fault_control *fault_control(void)
{
    return control;
}

/* ------------------------------------------------------------------------------------ main() */

typedef int (*main_function)(int argc, char **argv, char **environment);

static main_function program_main;

static int counted_main(int argc, char **argv, char **environment)
{
    if (control != NULL && control->from_main)
        control->active = 1;
    return program_main(argc, argv, environment);
}

int __libc_start_main(main_function function, int argc, char **argv, void (*init)(void),
                      void (*fini)(void), void (*rtld_fini)(void), void *stack_end);

/* What happens before main() is the dynamic linker's and the libraries' own. */
int __libc_start_main(main_function function, int argc, char **argv, void (*init)(void),
                      void (*fini)(void), void (*rtld_fini)(void), void *stack_end)
{
    int (*next)(main_function, int, char **, void (*)(void), void (*)(void), void (*)(void),
                void *);
    void *found = dlsym(RTLD_NEXT, "__libc_start_main");

    memcpy(&next, &found, sizeof next);
    program_main = function;
    return next(counted_main, argc, argv, init, fini, rtld_fini, stack_end);
}
