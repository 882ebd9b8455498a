/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BENCH_MILESTONES_H
#define BENCH_MILESTONES_H

#include <stdint.h>

/*
 * When a program came past certain functions of its libraries, for tests/bench/startup.
 *
 * libmilestones.so is preloaded into the program and stands in front of these functions.  The
 * environment variable MILESTONES_FD names a shared mapping of struct milestones, which it fills.
 * Times are CLOCK_MONOTONIC in nanoseconds, so that the starter's own can be compared; 0: never.
 */

#define MILESTONES_VARIABLE "MILESTONES_FD"

/* Each function, in the order in which one line of output has them. */
#define MILESTONE_LIST(X) \
    X(relocated)              /* no function: the first initialiser of all libraries */ \
    X(__libc_start_main)      /* all initialisers have run */ \
    X(dlopen) \
    X(OPENSSL_init_crypto) \
    X(RAND_bytes) \
    X(prctl) \
    X(setresuid) \
    X(landlock_restrict_self) /* syscall(2) with that number */ \
    X(TPMLIB_RegisterCallbacks) \
    X(TPMLIB_MainInit) \
    X(TPMLIB_Process) \
    X(load)                   /* what TPMLIB_RegisterCallbacks was given to load state */ \
    X(store)                  /* the same to store and to delete it */ \
    X(fsync) \
    X(pthread_create) \
    X(cuse_lowlevel_new) \
    X(seccomp_init) \
    X(seccomp_load) \
    X(fuse_session_process_buf)

#define MILESTONE_NUMBER(name) MILESTONE_##name,
enum { MILESTONE_LIST(MILESTONE_NUMBER) MILESTONE_COUNT };

/* A call's own time is that without the calls of other milestones that it made, so that none is
 * counted twice. */
struct milestone {
    uint64_t first_entered;
    uint64_t last_left;
    uint64_t own;       /* of all calls, in ns */
    uint64_t first_own; /* of the first call */
};

struct milestones {
    struct milestone of[MILESTONE_COUNT];
};

#endif
