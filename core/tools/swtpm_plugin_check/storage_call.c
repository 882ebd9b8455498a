/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/swtpm_plugin_check/storage_call.h"

#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

/* By name, since not every processor has every number. */
static const struct {
    const char *name;
    enum storage_call_kind kind;
} kinds[] = {
    {"open", STORAGE_CALL_OPEN},
    {"openat", STORAGE_CALL_OPEN},
    {"openat2", STORAGE_CALL_OPEN},
    {"creat", STORAGE_CALL_OPEN},
    {"read", STORAGE_CALL_READ},
    {"readv", STORAGE_CALL_READ},
    {"pread64", STORAGE_CALL_READ},
    {"preadv", STORAGE_CALL_READ},
    {"getdents64", STORAGE_CALL_READ},
    {"write", STORAGE_CALL_WRITE},
    {"writev", STORAGE_CALL_WRITE},
    {"pwrite64", STORAGE_CALL_WRITE},
    {"pwritev", STORAGE_CALL_WRITE},
    {"pwritev2", STORAGE_CALL_WRITE},
    {"ftruncate", STORAGE_CALL_WRITE},
    {"fallocate", STORAGE_CALL_WRITE},
    {"copy_file_range", STORAGE_CALL_WRITE},
    {"sendfile", STORAGE_CALL_WRITE},
    {"fsync", STORAGE_CALL_SYNC},
    {"fdatasync", STORAGE_CALL_SYNC},
    {"syncfs", STORAGE_CALL_SYNC},
    {"sync", STORAGE_CALL_SYNC},
    {"msync", STORAGE_CALL_SYNC},
    {"rename", STORAGE_CALL_DIRECTORY},
    {"renameat", STORAGE_CALL_DIRECTORY},
    {"renameat2", STORAGE_CALL_DIRECTORY},
    {"link", STORAGE_CALL_DIRECTORY},
    {"linkat", STORAGE_CALL_DIRECTORY},
    {"symlink", STORAGE_CALL_DIRECTORY},
    {"symlinkat", STORAGE_CALL_DIRECTORY},
    {"unlink", STORAGE_CALL_DIRECTORY},
    {"unlinkat", STORAGE_CALL_DIRECTORY},
    {"rmdir", STORAGE_CALL_DIRECTORY},
    {"mkdir", STORAGE_CALL_DIRECTORY},
    {"mkdirat", STORAGE_CALL_DIRECTORY},
    {"stat", STORAGE_CALL_STATUS},
    {"lstat", STORAGE_CALL_STATUS},
    {"fstat", STORAGE_CALL_STATUS},
    {"newfstatat", STORAGE_CALL_STATUS},
    {"statx", STORAGE_CALL_STATUS},
    {"statfs", STORAGE_CALL_STATUS},
    {"fstatfs", STORAGE_CALL_STATUS},
    {"fchmod", STORAGE_CALL_ATTRIBUTE},
    {"fchmodat", STORAGE_CALL_ATTRIBUTE},
    {"chmod", STORAGE_CALL_ATTRIBUTE},
    {"fchown", STORAGE_CALL_ATTRIBUTE},
    {"fchownat", STORAGE_CALL_ATTRIBUTE},
    {"flock", STORAGE_CALL_LOCK},
};

static enum storage_call_kind kind_of_fcntl(uint64_t command)
{
    switch (command) {
    case F_SETLK:
    case F_SETLKW:
    case F_OFD_SETLK:
    case F_OFD_SETLKW:
        return STORAGE_CALL_LOCK;
    default:
        return STORAGE_CALL_OTHER;
    }
}

enum storage_call_kind storage_call_kind(const struct system_call *call)
{
    const char *name = system_call_name(call->number);

    if (strcmp(name, "fcntl") == 0)
        return kind_of_fcntl(call->arguments[1]);
    if (strcmp(name, "mmap") == 0)
        return (call->arguments[3] & MAP_ANONYMOUS) == 0 ? STORAGE_CALL_MAP : STORAGE_CALL_OTHER;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(kinds[i].name, name) == 0)
            return kinds[i].kind;
    return STORAGE_CALL_OTHER;
}
