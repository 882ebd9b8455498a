/* SPDX-License-Identifier: BSD-3-Clause */
#include "syscall_times.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "clock.h"

const char *const syscall_kind_names[SYSCALL_KINDS] = {
    [SYSCALL_OPEN] = "open",   [SYSCALL_WRITE] = "write",   [SYSCALL_SYNC] = "sync",
    [SYSCALL_CLOSE] = "close", [SYSCALL_RENAME] = "rename",
};

uint64_t syscall_times[SYSCALL_KINDS];

/* The clock does not touch errno. */
static long timed(enum syscall_kind kind, uint64_t start, long result)
{
    syscall_times[kind] += clock_now() - start;
    return result;
}

int openat(int directory, const char *path, int flags, ...)
{
    va_list arguments;

    va_start(arguments, flags);
    mode_t mode = va_arg(arguments, mode_t);
    va_end(arguments);
    uint64_t start = clock_now();
    return (int)timed(SYSCALL_OPEN, start, syscall(SYS_openat, directory, path, flags, mode));
}

ssize_t write(int fd, const void *data, size_t size)
{
    uint64_t start = clock_now();
    return timed(SYSCALL_WRITE, start, syscall(SYS_write, fd, data, size));
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t offset)
{
    uint64_t start = clock_now();
    return timed(SYSCALL_WRITE, start, syscall(SYS_pwrite64, fd, data, size, offset));
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    uint64_t start = clock_now();
    return timed(SYSCALL_WRITE, start, syscall(SYS_writev, fd, parts, count));
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset)
{
    uint64_t start = clock_now();
    return timed(SYSCALL_WRITE, start, syscall(SYS_pwritev, fd, parts, count, offset, 0));
}

int fsync(int fd)
{
    uint64_t start = clock_now();
    return (int)timed(SYSCALL_SYNC, start, syscall(SYS_fsync, fd));
}

int fdatasync(int fd)
{
    uint64_t start = clock_now();
    return (int)timed(SYSCALL_SYNC, start, syscall(SYS_fdatasync, fd));
}

int close(int fd)
{
    uint64_t start = clock_now();
    return (int)timed(SYSCALL_CLOSE, start, syscall(SYS_close, fd));
}

int renameat(int from_directory, const char *from, int to_directory, const char *to)
{
    uint64_t start = clock_now();
    return (int)timed(SYSCALL_RENAME, start,
                      syscall(SYS_renameat2, from_directory, from, to_directory, to, 0));
}
