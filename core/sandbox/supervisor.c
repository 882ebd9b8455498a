/* SPDX-License-Identifier: BSD-3-Clause */
#include "sandbox/supervisor.h"

#include <errno.h>
#include <pthread.h>
#include <seccomp.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/log.h"

struct supervisor {
    sem_t running;
    sem_t attached;
    int fd;
    struct seccomp_notif *request;
    struct seccomp_notif_resp *response;
};

static void supervisor_free(struct supervisor *supervisor)
{
    if (supervisor->fd >= 0)
        close(supervisor->fd);
    seccomp_notify_free(supervisor->request, supervisor->response);
    sem_destroy(&supervisor->running);
    sem_destroy(&supervisor->attached);
    free(supervisor);
}

static void log_call(const struct seccomp_notif *request)
{
    char *name = seccomp_syscall_resolve_num_arch(request->data.arch, request->data.nr);

    log_error("sandbox: thread %u makes the system call '%s' (number %d), which the list does not "
              "allow like that; it runs because of --seccomp action=log",
              request->pid, name != NULL ? name : "unknown", request->data.nr);
    free(name);
}

/* false once there is nobody left to answer for. */
static bool answer_one(struct supervisor *supervisor)
{
    /* The kernel wants it zeroed. */
    memset(supervisor->request, 0, sizeof *supervisor->request);
    if (seccomp_notify_receive(supervisor->fd, supervisor->request) != 0)
        return errno == ENOENT || errno == EINTR;
    log_call(supervisor->request);
    memset(supervisor->response, 0, sizeof *supervisor->response);
    supervisor->response->id = supervisor->request->id;
    supervisor->response->flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    /* Fails only if the caller was killed meanwhile. */
    seccomp_notify_respond(supervisor->fd, supervisor->response);
    return true;
}

static void await(sem_t *semaphore)
{
    while (sem_wait(semaphore) != 0)
        continue;
}

/* Names of calls will need it.  Where each thread has a heap of its own, this thread's is made by
 * mprotect(2), and under the filter that call would wait for this very thread. */
static void make_heap(void)
{
    free(seccomp_syscall_resolve_num_arch(seccomp_arch_native(), 0));
}

static void *supervise(void *context)
{
    struct supervisor *supervisor = context;

    make_heap();
    sem_post(&supervisor->running);
    await(&supervisor->attached);
    if (supervisor->fd >= 0)
        while (answer_one(supervisor))
            continue;
    /* Closed, the descriptor makes the calls fail with ENOSYS instead of waiting for ever. */
    supervisor_free(supervisor);
    return NULL;
}

static int start_detached(struct supervisor *supervisor)
{
    pthread_t thread;
    sigset_t all;
    sigset_t before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int result = pthread_create(&thread, NULL, supervise, supervisor);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (result != 0)
        return result;
    pthread_detach(thread);
    /* Once it runs, the C library has made the calls that belong to the start of a thread. */
    await(&supervisor->running);
    return 0;
}

struct supervisor *supervisor_start(struct error *error)
{
    struct supervisor *supervisor = calloc(1, sizeof *supervisor);
    if (supervisor == NULL) {
        error_set(error, "option --seccomp: no memory for the thread that logs");
        return NULL;
    }
    supervisor->fd = -1;
    sem_init(&supervisor->running, 0, 0);
    sem_init(&supervisor->attached, 0, 0);
    int result = seccomp_notify_alloc(&supervisor->request, &supervisor->response);
    if (result == 0)
        result = -start_detached(supervisor);
    if (result == 0)
        return supervisor;
    error_set(error, "option --seccomp: cannot start the thread that logs: %s%s", strerror(-result),
              result == -EOPNOTSUPP ? "; action=log needs Linux 5.7" : "");
    supervisor_free(supervisor);
    return NULL;
}

void supervisor_attach(struct supervisor *supervisor, int fd)
{
    supervisor->fd = fd;
    sem_post(&supervisor->attached);
}
