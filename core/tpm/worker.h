/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TPM_WORKER_H
#define TPM_WORKER_H

#include <stdbool.h>

#include "util/error.h"

/*
 * The worker: one thread that runs slow TPM work beside the loop, so that the loop goes on
 * answering.  It decides who is in libtpms: the worker from worker_run until the loop has called
 * worker_finish, and the loop at all other times.
 *
 * All functions belong to the loop's thread.
 */

/* Begins to start the thread, with all signals blocked.  0, or -1 with a message. */
int worker_start(struct error *error);

/* Once, after worker_start and before the first job: waits until the thread runs.  What the C
 * library calls at the start of a thread is over then, so the sandbox may close. */
void worker_await_start(void);

/* Ends the thread.  The worker must not be busy. */
void worker_stop(void);

/* Whether a job was handed over whose end worker_finish has not yet taken. */
bool worker_is_busy(void);

/* Becomes readable when a job is done. */
int worker_event_fd(void);

/* Hands a job over: `run` is called with `context` on the worker's thread.  The worker must not be
 * busy.  Once the event descriptor is readable, worker_finish calls `done` with the same
 * context. */
void worker_run(void (*run)(void *context), void (*done)(void *context), void *context);

/* Takes the end of a job: waits for it if need be, makes the worker free, then calls `done`. */
void worker_finish(void);

#endif
