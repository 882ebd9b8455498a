/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TESTS_FAULT_INJECT_H
#define TESTS_FAULT_INJECT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * libinject.so: makes one call of a process fail.  It is preloaded (LD_PRELOAD) into a program,
 * which it leaves as it is, and stands between the program, its plugins and its libraries on one
 * side and libc, or the ops of the plugins, on the other.
 *
 * The file that SWTPM_FAULT_CONTROL names holds a struct fault_control, and is mapped before
 * main().  While `active` is set, calls are counted by class, and the `number`-th one of `class`
 * fails; nothing is counted once it has.  The test writes and reads the same file; so a process
 * whose sandbox is closed, and its children, can be told what to do at any time.
 *
 * A system call that libc makes by itself, inside a function that is not listed here, is not seen.
 */

/* fault_class_names has the names, in this order. */
enum fault_class {
    FAULT_MEMORY,         /* malloc and its like, by whomsoever but these libraries: */
    FAULT_LIBRARY_MEMORY, /* libtpms and libcrypto */
    FAULT_OPEN,           /* open(2), fopen, opendir */
    FAULT_MAKE_DESCRIPTOR, /* pipe2, eventfd, socket, and streams that are no file of their own */
    FAULT_READ,
    FAULT_WRITE,
    FAULT_SYNC,
    FAULT_RENAME,
    FAULT_UNLINK,
    FAULT_TRUNCATE,
    FAULT_STAT,
    FAULT_FCNTL,
    FAULT_DUPLICATE,
    FAULT_CLOSE, /* the descriptor is closed all the same, as by the kernel */
    FAULT_SEEK,
    FAULT_MODE, /* fchmod, fchown and their like */
    FAULT_MAKE_DIRECTORY,
    FAULT_READ_DIRECTORY,
    FAULT_RESOLVE, /* realpath */
    FAULT_MAP,     /* mmap, msync is FAULT_SYNC */
    FAULT_MLOCK,   /* and madvise */
    FAULT_POLL,
    FAULT_PROCESS, /* fork, pthread_create, setsid, waitpid */
    FAULT_IDENTITY, /* setresuid and its like, the user database, chroot, chdir, setrlimit, prctl */
    FAULT_CONNECT,
    FAULT_LOAD,    /* dlopen, dlsym */
    FAULT_SYSCALL, /* syscall(2): Landlock, seccomp, getrandom of libcrypto */
    FAULT_RANDOM,
    FAULT_STORAGE_OPEN,
    FAULT_STORAGE_LOCK,
    FAULT_STORAGE_UNLOCK,
    FAULT_STORAGE_GET,
    FAULT_STORAGE_PUT,
    FAULT_STORAGE_DEL,
    FAULT_STORAGE_LIST,
    FAULT_CRYPTO_RANDOM,
    FAULT_CRYPTO_DIGEST,
    FAULT_CRYPTO_HMAC,
    FAULT_CRYPTO_CBC,
    FAULT_CRYPTO_AEAD,
    FAULT_CRYPTO_HKDF,
    FAULT_CRYPTO_PBKDF2,
    FAULT_CLASSES
};

extern const char *const fault_class_names[FAULT_CLASSES];

enum fault_manner {
    FAULT_FAILS = 0,       /* nothing is done, and `error` is returned */
    FAULT_IS_SHORT = 1,    /* one byte of a regular file is read or written */
    FAULT_FAILS_AFTER = 2, /* it is done, and yet `error` is returned */
};

enum fault_end {
    FAULT_NOT_REACHED = 0, /* there were fewer calls this time */
    FAULT_STRUCK = 1,
    FAULT_SPARED = 2 /* no such call can fail in this way */
};

/* So many calls of a class have their stacks noted. */
enum { FAULT_STACKS = 131072 };

struct fault_control {
    _Atomic uint32_t active; /* calls are counted */
    uint32_t from_main;      /* sets `active` when main() is entered */
    uint32_t class;          /* enum fault_class */
    uint32_t number;         /* from 1; 0: nothing fails */
    uint32_t manner;         /* enum fault_manner */
    int32_t error;           /* an errno, or an enum swtpm_plugin_result */
    _Atomic uint32_t struck; /* enum fault_end */
    _Atomic uint32_t counts[FAULT_CLASSES];
    char caller[256]; /* who made it: MODULE+0xOFFSET */
    uint32_t filter;  /* a hash of the filter that seccomp(2) has put in force; 0: none */
    /* Of FAULT_MEMORY, FAULT_LIBRARY_MEMORY and FAULT_RANDOM, by number from 0, while nothing is to
     * fail: a hash of the return addresses, the same in each process. */
    uint32_t stacks[3][FAULT_STACKS];
};

/* Counts a call of a class.  Whether it has to fail; errno is then what it has to fail with. */
bool fault_strikes(enum fault_class class, const void *caller);

/* Says that the call was not made to fail after all. */
void fault_spare(void);

/* Valid once fault_strikes has returned true. */
const struct fault_control *fault_control(void);

struct sock_fprog;

/* Notes what seccomp(2) has put in force. */
void fault_note_filter(const struct sock_fprog *filter);

/* Puts the ops that fail in the place of those of the plugin that dlopen(3) has given, if it is
 * one, and the first of its kind in this process. */
void fault_wrap_plugin(void *object);

#endif
