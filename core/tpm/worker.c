/* SPDX-License-Identifier: BSD-3-Clause */
#include "tpm/worker.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* libtpms' deepest calls (RSA key generation in OpenSSL) stay below a tenth of this. */
enum { STACK_SIZE = 512 * 1024 };

struct job {
    void (*run)(void *context);
    void (*done)(void *context);
    void *context;
};

static struct {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t wakeup;
    struct job job; /* run is NULL: nothing to do; under the mutex */
    bool stopping;  /* under the mutex */
    bool busy;      /* the loop's alone */
    int event_fd;
} worker = {
    .mutex = PTHREAD_MUTEX_INITIALIZER, .wakeup = PTHREAD_COND_INITIALIZER, .event_fd = -1};

static bool next_job(struct job *job)
{
    pthread_mutex_lock(&worker.mutex);
    while (worker.job.run == NULL && !worker.stopping)
        pthread_cond_wait(&worker.wakeup, &worker.mutex);
    *job = worker.job;
    worker.job.run = NULL;
    bool stopping = worker.stopping;
    pthread_mutex_unlock(&worker.mutex);
    return !stopping;
}

/* Cannot fail: the counter never comes near its limit. */
static void signal_event(void)
{
    const uint64_t one = 1;
    ssize_t ignored = TEMP_FAILURE_RETRY(write(worker.event_fd, &one, sizeof one));
    (void)ignored;
}

static void wait_for_event(void)
{
    uint64_t count;

    while (read(worker.event_fd, &count, sizeof count) < 0 && errno == EINTR)
        ;
}

/* INIT, or making a key, frees 140 KiB, which the process would keep for good.  Done only now, when
 * the client no longer waits. */
static void return_memory(void)
{
    malloc_trim(0);
}

static void *work(void *unused)
{
    (void)unused;
    struct job job;

    signal_event();
    while (next_job(&job)) {
        job.run(job.context);
        signal_event();
        return_memory();
    }
    return NULL;
}

/* One heap for both threads: they hardly ever ask for memory at the same time, and of two heaps one
 * would hold all that a TPM keeps and the other lie empty.  The single heap grows by brk(2), so the
 * sandbox need not allow mprotect(2). */
static void share_heap(void)
{
    mallopt(M_ARENA_MAX, 1);
}

static int create_thread(void)
{
    pthread_attr_t attributes;
    sigset_t all, before;

    share_heap();
    sigfillset(&all);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_SIZE);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int result = pthread_create(&worker.thread, &attributes, work, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return result;
}

int worker_start(struct error *error)
{
    worker.event_fd = eventfd(0, EFD_CLOEXEC);
    if (worker.event_fd < 0) {
        error_set(error, "cannot make an event descriptor for the worker: %s", strerror(errno));
        return -1;
    }
    int result = create_thread();
    if (result == 0)
        return 0;
    error_set(error, "cannot start the worker thread: %s", strerror(result));
    close(worker.event_fd);
    worker.event_fd = -1;
    return -1;
}

void worker_await_start(void)
{
    wait_for_event();
}

void worker_stop(void)
{
    if (worker.event_fd < 0)
        return;
    pthread_mutex_lock(&worker.mutex);
    worker.stopping = true;
    pthread_cond_signal(&worker.wakeup);
    pthread_mutex_unlock(&worker.mutex);
    pthread_join(worker.thread, NULL);
    close(worker.event_fd);
    worker.event_fd = -1;
}

bool worker_is_busy(void)
{
    return worker.busy;
}

int worker_event_fd(void)
{
    return worker.event_fd;
}

void worker_run(void (*run)(void *context), void (*done)(void *context), void *context)
{
    worker.busy = true;
    pthread_mutex_lock(&worker.mutex);
    worker.job = (struct job){.run = run, .done = done, .context = context};
    pthread_cond_signal(&worker.wakeup);
    pthread_mutex_unlock(&worker.mutex);
}

void worker_finish(void)
{
    wait_for_event();
    worker.busy = false;
    worker.job.done(worker.job.context);
}
