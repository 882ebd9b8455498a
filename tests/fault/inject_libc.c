/* SPDX-License-Identifier: BSD-3-Clause */

/* The functions of libc that can fail, under their own names. */

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "inject.h"

/* In libcrypto, while its allocation is on its way through the program (CRYPTO_set_mem_functions). */
static _Thread_local const void *library_caller __attribute__((tls_model("initial-exec")));

static const void *true_caller(const void *caller)
{
    return library_caller != NULL ? library_caller : caller;
}

#define CALLER true_caller(__builtin_return_address(0))

static void find_next(void *function, const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);

    memcpy(function, &found, sizeof found);
}

/* What has the same parameters as `name`, and is the next one of that name. */
#define NEXT(name)                                                                                 \
    static __typeof__(&name) next;                                                                 \
    if (next == NULL)                                                                              \
        find_next(&next, #name)

/* A function that gives `failure` in place of doing anything. */
#define FAILING(class, type, failure, name, parameters, arguments)                                 \
    type name parameters                                                                           \
    {                                                                                              \
        NEXT(name);                                                                                \
        if (fault_strikes(class, CALLER))                                                          \
            return failure;                                                                        \
        return next arguments;                                                                     \
    }

/* ---------------------------------------------------------------------------------- memory */

FAILING(FAULT_MEMORY, void *, NULL, malloc, (size_t size), (size))
FAILING(FAULT_MEMORY, void *, NULL, calloc, (size_t count, size_t size), (count, size))
FAILING(FAULT_MEMORY, void *, NULL, realloc, (void *old, size_t size), (old, size))
FAILING(FAULT_MEMORY, void *, NULL, reallocarray, (void *old, size_t count, size_t size),
        (old, count, size))
FAILING(FAULT_MEMORY, void *, NULL, memalign, (size_t alignment, size_t size), (alignment, size))
FAILING(FAULT_MEMORY, void *, NULL, aligned_alloc, (size_t alignment, size_t size),
        (alignment, size))
FAILING(FAULT_MEMORY, int, ENOMEM, posix_memalign, (void **to, size_t alignment, size_t size),
        (to, alignment, size))
typedef void *(*allocate_function)(size_t size, const char *file, int line);
typedef void *(*resize_function)(void *old, size_t size, const char *file, int line);
typedef void (*release_function)(void *old, const char *file, int line);

static allocate_function program_allocate;
static resize_function program_resize;

static void *allocate_for_library(size_t size, const char *file, int line)
{
    library_caller = __builtin_return_address(0);
    void *got = program_allocate(size, file, line);
    library_caller = NULL;
    return got;
}

static void *resize_for_library(void *old, size_t size, const char *file, int line)
{
    library_caller = __builtin_return_address(0);
    void *got = program_resize(old, size, file, line);
    library_caller = NULL;
    return got;
}

int CRYPTO_set_mem_functions(allocate_function allocate, resize_function resize,
                             release_function release);

/* What libcrypto asks of the program's functions stays libcrypto's. */
int CRYPTO_set_mem_functions(allocate_function allocate, resize_function resize,
                             release_function release)
{
    NEXT(CRYPTO_set_mem_functions);
    program_allocate = allocate;
    program_resize = resize;
    return next(allocate_for_library, resize_for_library, release);
}

FAILING(FAULT_MLOCK, int, -1, mlock, (const void *address, size_t size), (address, size))
FAILING(FAULT_MLOCK, int, -1, madvise, (void *address, size_t size, int advice),
        (address, size, advice))
FAILING(FAULT_MAP, void *, MAP_FAILED, mmap,
        (void *address, size_t size, int access, int flags, int fd, off_t offset),
        (address, size, access, flags, fd, offset))
FAILING(FAULT_MAP, void *, MAP_FAILED, mmap64,
        (void *address, size_t size, int access, int flags, int fd, off64_t offset),
        (address, size, access, flags, fd, offset))

/* ----------------------------------------------------------------------------- descriptors */

static mode_t optional_mode(int flags, va_list arguments)
{
    return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
}

#define OPEN(name, parameters, last, arguments)                                                    \
    int name parameters                                                                            \
    {                                                                                              \
        va_list more;                                                                              \
        NEXT(name);                                                                                \
        va_start(more, last);                                                                      \
        mode_t mode = optional_mode(last, more);                                                   \
        va_end(more);                                                                              \
        return fault_strikes(FAULT_OPEN, CALLER) ? -1 : next arguments;                            \
    }

OPEN(open, (const char *path, int flags, ...), flags, (path, flags, mode))
OPEN(open64, (const char *path, int flags, ...), flags, (path, flags, mode))
OPEN(openat, (int fd, const char *path, int flags, ...), flags, (fd, path, flags, mode))
OPEN(openat64, (int fd, const char *path, int flags, ...), flags, (fd, path, flags, mode))

int __open_2(const char *path, int flags);
int __openat_2(int fd, const char *path, int flags);
FAILING(FAULT_OPEN, int, -1, __open_2, (const char *path, int flags), (path, flags))
FAILING(FAULT_OPEN, int, -1, __openat_2, (int fd, const char *path, int flags), (fd, path, flags))
FAILING(FAULT_OPEN, FILE *, NULL, fopen, (const char *path, const char *mode), (path, mode))
FAILING(FAULT_OPEN, FILE *, NULL, fopen64, (const char *path, const char *mode), (path, mode))
FAILING(FAULT_MAKE_DESCRIPTOR, FILE *, NULL, fdopen, (int fd, const char *mode), (fd, mode))
FAILING(FAULT_MAKE_DESCRIPTOR, FILE *, NULL, open_memstream, (char **text, size_t *size), (text, size))
FAILING(FAULT_OPEN, DIR *, NULL, opendir, (const char *path), (path))
FAILING(FAULT_MAKE_DESCRIPTOR, DIR *, NULL, fdopendir, (int fd), (fd))
FAILING(FAULT_MAKE_DESCRIPTOR, int, -1, pipe, (int ends[2]), (ends))
FAILING(FAULT_MAKE_DESCRIPTOR, int, -1, pipe2, (int ends[2], int flags), (ends, flags))
FAILING(FAULT_MAKE_DESCRIPTOR, int, -1, eventfd, (unsigned initial, int flags), (initial, flags))
FAILING(FAULT_MAKE_DESCRIPTOR, int, -1, socket, (int domain, int type, int protocol),
        (domain, type, protocol))
FAILING(FAULT_CONNECT, int, -1, connect, (int fd, __CONST_SOCKADDR_ARG to, socklen_t size),
        (fd, to, size))
FAILING(FAULT_DUPLICATE, int, -1, dup, (int fd), (fd))

/* The number that these are given is within the limit. */
static bool replacing_fails(const void *caller)
{
    if (!fault_strikes(FAULT_DUPLICATE, caller))
        return false;
    bool fits = fault_control()->error != EMFILE;
    if (!fits)
        fault_spare();
    return fits;
}

int dup2(int fd, int to)
{
    NEXT(dup2);
    return replacing_fails(CALLER) ? -1 : next(fd, to);
}

int dup3(int fd, int to, int flags)
{
    NEXT(dup3);
    return replacing_fails(CALLER) ? -1 : next(fd, to, flags);
}

/* Only locks wait or run out, only a duplicate needs a number, and the rest wants an open file. */
static bool fcntl_fails(int command, const void *caller)
{
    if (!fault_strikes(FAULT_FCNTL, caller))
        return false;
    bool duplicates = command == F_DUPFD || command == F_DUPFD_CLOEXEC;
    bool locks = command == F_SETLK || command == F_SETLKW || command == F_GETLK ||
                 command == F_OFD_SETLK || command == F_OFD_SETLKW || command == F_OFD_GETLK;
    int error = fault_control()->error;
    bool fits = error == EMFILE ? duplicates : error == EBADF ? !duplicates && !locks : locks;
    if (!fits)
        fault_spare();
    errno = error;
    return fits;
}

#define FCNTL(name)                                                                                \
    int name(int fd, int command, ...)                                                             \
    {                                                                                              \
        va_list more;                                                                              \
        NEXT(name);                                                                                \
        va_start(more, command);                                                                   \
        void *argument = va_arg(more, void *);                                                     \
        va_end(more);                                                                              \
        return fcntl_fails(command, CALLER) ? -1 : next(fd, command, argument);                    \
    }

FCNTL(fcntl)
FCNTL(fcntl64)

int close(int fd)
{
    NEXT(close);
    bool fails = fault_strikes(FAULT_CLOSE, CALLER);
    int error = errno;
    int result = next(fd);
    if (!fails)
        return result;
    errno = error;
    return -1;
}

/* ----------------------------------------------------------------------------- reading and writing */

/* Whether the call has to fail.  If not, `size` is what it may read or write. */
static bool transfer_fails(enum fault_class class, int fd, size_t *size, const void *caller)
{
    struct stat status;

    if (!fault_strikes(class, caller))
        return false;
    if (fstat(fd, &status) != 0)
        return true;
    bool is_event_counter = (status.st_mode & S_IFMT) == 0;
    bool is_short = fault_control()->manner == FAULT_IS_SHORT;
    if (is_short && S_ISREG(status.st_mode) && *size > 1)
        *size = 1;
    else if (is_short || (is_event_counter && fault_control()->error != EINTR))
        fault_spare();
    else
        return true;
    return false;
}

#define TRANSFER(class, name, parameters, arguments)                                               \
    ssize_t name parameters                                                                        \
    {                                                                                              \
        NEXT(name);                                                                                \
        if (transfer_fails(class, fd, &size, CALLER))                                              \
            return -1;                                                                             \
        return next arguments;                                                                     \
    }

TRANSFER(FAULT_READ, read, (int fd, void *to, size_t size), (fd, to, size))
TRANSFER(FAULT_READ, pread, (int fd, void *to, size_t size, off_t at), (fd, to, size, at))
TRANSFER(FAULT_READ, pread64, (int fd, void *to, size_t size, off64_t at), (fd, to, size, at))
TRANSFER(FAULT_WRITE, write, (int fd, const void *from, size_t size), (fd, from, size))
TRANSFER(FAULT_WRITE, pwrite, (int fd, const void *from, size_t size, off_t at),
         (fd, from, size, at))
TRANSFER(FAULT_WRITE, pwrite64, (int fd, const void *from, size_t size, off64_t at),
         (fd, from, size, at))

static size_t total_size(const struct iovec *parts, int count)
{
    size_t total = 0;

    for (int i = 0; i < count; i++)
        total += parts[i].iov_len;
    return total;
}

/* The first byte of the first part that has one. */
static struct iovec first_byte(const struct iovec *parts, int count)
{
    int i = 0;

    while (i < count - 1 && parts[i].iov_len == 0)
        i++;
    return (struct iovec){.iov_base = parts[i].iov_base, .iov_len = 1};
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    NEXT(writev);
    size_t total = total_size(parts, count);
    size_t size = total;
    if (transfer_fails(FAULT_WRITE, fd, &size, CALLER))
        return -1;
    if (size == total)
        return next(fd, parts, count);
    struct iovec byte = first_byte(parts, count);
    return next(fd, &byte, 1);
}

FAILING(FAULT_RANDOM, ssize_t, -1, getrandom, (void *to, size_t size, unsigned flags),
        (to, size, flags))
FAILING(FAULT_SEEK, off_t, -1, lseek, (int fd, off_t offset, int whence), (fd, offset, whence))
FAILING(FAULT_SEEK, off64_t, -1, lseek64, (int fd, off64_t offset, int whence),
        (fd, offset, whence))
FAILING(FAULT_TRUNCATE, int, -1, ftruncate, (int fd, off_t size), (fd, size))
FAILING(FAULT_TRUNCATE, int, -1, ftruncate64, (int fd, off64_t size), (fd, size))
FAILING(FAULT_POLL, int, -1, poll, (struct pollfd * fds, nfds_t count, int timeout),
        (fds, count, timeout))

#define SYNC(name, parameters, arguments)                                                          \
    int name parameters                                                                            \
    {                                                                                              \
        NEXT(name);                                                                                \
        bool fails = fault_strikes(FAULT_SYNC, CALLER);                                            \
        int error = errno;                                                                         \
        if (fails && fault_control()->manner == FAULT_FAILS)                                       \
            return -1;                                                                             \
        int result = next arguments;                                                               \
        if (!fails)                                                                                \
            return result;                                                                         \
        errno = error;                                                                             \
        return -1;                                                                                 \
    }

SYNC(fsync, (int fd), (fd))
SYNC(fdatasync, (int fd), (fd))
SYNC(msync, (void *address, size_t size, int flags), (address, size, flags))

/* ----------------------------------------------------------------------------------- files */

FAILING(FAULT_RENAME, int, -1, rename, (const char *from, const char *to), (from, to))
FAILING(FAULT_RENAME, int, -1, renameat, (int fd, const char *from, int to_fd, const char *to),
        (fd, from, to_fd, to))
FAILING(FAULT_UNLINK, int, -1, unlink, (const char *path), (path))
FAILING(FAULT_UNLINK, int, -1, unlinkat, (int fd, const char *path, int flags), (fd, path, flags))
FAILING(FAULT_STAT, int, -1, stat, (const char *path, struct stat *status), (path, status))
FAILING(FAULT_STAT, int, -1, lstat, (const char *path, struct stat *status), (path, status))
FAILING(FAULT_STAT, int, -1, fstat, (int fd, struct stat *status), (fd, status))
FAILING(FAULT_STAT, int, -1, fstatat,
        (int fd, const char *path, struct stat *status, int flags), (fd, path, status, flags))
FAILING(FAULT_STAT, int, -1, stat64, (const char *path, struct stat64 *status), (path, status))
FAILING(FAULT_STAT, int, -1, lstat64, (const char *path, struct stat64 *status), (path, status))
FAILING(FAULT_STAT, int, -1, fstatfs, (int fd, struct statfs *status), (fd, status))
FAILING(FAULT_STAT, int, -1, access, (const char *path, int mode), (path, mode))
int __fxstat(int version, int fd, struct stat *status);
FAILING(FAULT_STAT, int, -1, __fxstat, (int version, int fd, struct stat *status),
        (version, fd, status))
FAILING(FAULT_MODE, int, -1, chmod, (const char *path, mode_t mode), (path, mode))
FAILING(FAULT_MODE, int, -1, fchmod, (int fd, mode_t mode), (fd, mode))
FAILING(FAULT_MODE, int, -1, fchown, (int fd, uid_t user, gid_t group), (fd, user, group))
FAILING(FAULT_MAKE_DIRECTORY, int, -1, mkdir, (const char *path, mode_t mode), (path, mode))
FAILING(FAULT_MAKE_DIRECTORY, int, -1, mkdirat, (int fd, const char *path, mode_t mode),
        (fd, path, mode))
FAILING(FAULT_READ_DIRECTORY, struct dirent *, NULL, readdir, (DIR * stream), (stream))
FAILING(FAULT_RESOLVE, char *, NULL, realpath, (const char *path, char *resolved),
        (path, resolved))

/* ----------------------------------------------------------------------------- the process */

FAILING(FAULT_PROCESS, pid_t, -1, fork, (void), ())
FAILING(FAULT_PROCESS, pid_t, -1, setsid, (void), ())
FAILING(FAULT_PROCESS, pid_t, -1, waitpid, (pid_t pid, int *status, int options),
        (pid, status, options))
FAILING(FAULT_PROCESS, int, EAGAIN, pthread_create,
        (pthread_t * thread, const pthread_attr_t *attributes, void *(*start)(void *),
         void *argument),
        (thread, attributes, start, argument))
FAILING(FAULT_IDENTITY, int, -1, setresuid, (uid_t real, uid_t effective, uid_t saved),
        (real, effective, saved))
FAILING(FAULT_IDENTITY, int, -1, setresgid, (gid_t real, gid_t effective, gid_t saved),
        (real, effective, saved))
FAILING(FAULT_IDENTITY, int, -1, setgroups, (size_t count, const gid_t *groups), (count, groups))
FAILING(FAULT_IDENTITY, struct passwd *, NULL, getpwnam, (const char *name), (name))
FAILING(FAULT_IDENTITY, struct passwd *, NULL, getpwuid, (uid_t user), (user))
FAILING(FAULT_IDENTITY, int, -1, chroot, (const char *path), (path))
FAILING(FAULT_IDENTITY, int, -1, chdir, (const char *path), (path))
FAILING(FAULT_IDENTITY, int, -1, setrlimit,
        (__rlimit_resource_t resource, const struct rlimit *limit), (resource, limit))

int prctl(int option, ...)
{
    va_list more;
    unsigned long arguments[4];

    NEXT(prctl);
    va_start(more, option);
    for (size_t i = 0; i < 4; i++)
        arguments[i] = va_arg(more, unsigned long);
    va_end(more);
    if (fault_strikes(FAULT_IDENTITY, CALLER))
        return -1;
    return next(option, arguments[0], arguments[1], arguments[2], arguments[3]);
}

long syscall(long number, ...)
{
    va_list more;
    long arguments[6];

    NEXT(syscall);
    va_start(more, number);
    for (size_t i = 0; i < 6; i++)
        arguments[i] = va_arg(more, long);
    va_end(more);
    if (fault_strikes(FAULT_SYSCALL, CALLER))
        return -1;
    long result = next(number, arguments[0], arguments[1], arguments[2], arguments[3],
                       arguments[4], arguments[5]);
    if (number == SYS_seccomp && arguments[0] == SECCOMP_SET_MODE_FILTER && result >= 0)
        fault_note_filter((const struct sock_fprog *)arguments[2]);
    return result;
}

/* dlerror(3) has nothing to say about such a failure, and must not be taken to have. */
void *dlopen(const char *path, int mode)
{
    NEXT(dlopen);
    if (fault_strikes(FAULT_LOAD, CALLER))
        return next("/nonexistent/injected-fault.so", RTLD_NOW);
    void *object = next(path, mode);
    if (object != NULL)
        fault_wrap_plugin(object);
    return object;
}
