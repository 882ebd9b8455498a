/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BENCH_CLIENT_H
#define BENCH_CLIENT_H

/*
 * The client whose time is measured: libbench.so, which tests/bench/measure.py calls.  Everything
 * between two looks at the clock is in here and in the fake kernel; Python only starts servers and
 * counts.  Results: 0, a negated errno, or the response code of a TPM (above 0).
 */

#include <stddef.h>
#include <stdint.h>

#include "../fake-kernel/fake_kernel.h"

#pragma GCC visibility push(default)

enum { BENCH_MESSAGE_MAX = 4096 };

/* How a command gets to a TPM. */
enum bench_way {
    BENCH_FAKE_KERNEL, /* write(2) and read(2) on a device of the fake kernel */
    BENCH_DESCRIPTOR,  /* the same calls on a descriptor: a real device node, or a socket */
    BENCH_IN_PROCESS   /* TPMLIB_Process, after bench_library_start */
};

struct bench_client {
    int way; /* enum bench_way */
    int fd;  /* BENCH_DESCRIPTOR only; borrowed */
    struct fake_file *file; /* BENCH_FAKE_KERNEL only; borrowed */
};

/* All borrowed. */
struct bench_command {
    const uint8_t *bytes;
    uint32_t size;
    uint32_t counter_offset; /* of four bytes that differ in each repetition; 0: none */
    const uint8_t *cleanup;  /* a command to be sent after each repetition, untimed; NULL: none */
    uint32_t cleanup_size;
    uint32_t ioctl_number; /* not 0: ioctl(2) with this number instead, `bytes` is its argument */
};

/*
 * Sends the command `count` times, one after the other, and writes how many nanoseconds each took,
 * from the beginning of the write to the end of the read.  A client of a TPM takes the whole
 * response with one read, so do we.  *response_size becomes the size of the last response.
 */
int bench_run(const struct bench_client *client, const struct bench_command *command,
              unsigned count, uint64_t *nanoseconds, uint32_t *response_size);

/* Starts libtpms in this process, once, as the TPM 2 with this permanent state (what libtpms stores
 * as "permall"; borrowed for good).  It stores nothing: what storing costs is measured apart. */
int bench_library_start(const uint8_t *state, uint32_t size);

/* One store as the medium of a directory needs it at least (bare_store.h), `count` times, without
 * syncs; the nanoseconds of each. */
int bench_bare_store(int directory_fd, uint32_t size, unsigned count, uint64_t *nanoseconds);

#pragma GCC visibility pop

#endif
