/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BENCH_SYSCALL_TIMES_H
#define BENCH_SYSCALL_TIMES_H

/*
 * How long the calls of a store take.  The program that links this file, with
 * -Wl,--export-dynamic, puts functions of the C library in place that look at the clock around the
 * system call, for itself and for every plugin and library that it loads.  That costs two looks at
 * the clock for each, where a tracer would cost two changes of processes.
 */

#include <stdint.h>

enum syscall_kind {
    SYSCALL_OPEN,  /* open, openat */
    SYSCALL_WRITE, /* write, pwrite, writev, pwritev */
    SYSCALL_SYNC,  /* fsync, fdatasync */
    SYSCALL_CLOSE,
    SYSCALL_RENAME, /* renameat */
    SYSCALL_KINDS
};

extern const char *const syscall_kind_names[SYSCALL_KINDS];

/* Nanoseconds since the process began, by kind.  One thread only. */
extern uint64_t syscall_times[SYSCALL_KINDS];

#endif
