/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FAKE_KERNEL_INTERNAL_H
#define FAKE_KERNEL_INTERNAL_H

/* What the files of the fake kernel share. */

#include "fake_kernel.h"

#include <linux/fuse.h>

#include <pthread.h>
#include <sys/queue.h>
#include <sys/uio.h>

#define PAGE_SIZE 4096u
#define PAGES_PER_REQUEST 32u /* FUSE_DEFAULT_MAX_PAGES_PER_REQ */
#define MESSAGE_SIZE_MAX (sizeof(struct fuse_in_header) + 256 + PAGES_PER_REQUEST * PAGE_SIZE)
#define BUCKETS 256u
#define VIOLATIONS_KEPT 32u
#define VIOLATION_SIZE 256u

/* One message to the server: the header is added when it is sent. */
struct message {
    union {
        struct cuse_init_in init;
        struct fuse_open_in open;
        struct fuse_release_in release;
        struct fuse_read_in read;
        struct fuse_write_in write;
        struct fuse_ioctl_in ioctl;
        struct fuse_poll_in poll;
        struct fuse_interrupt_in interrupt;
    } in;
    size_t in_size;
    const void *data; /* follows `in` */
    size_t data_size;
};

/* A reply that passed the checks that are the same for all. */
struct answer {
    int error; /* 0 or a negated errno; then there is no payload */
    const uint8_t *payload;
    size_t size;
};

enum request_state {
    REQUEST_SENDS, /* its next message is about to be prepared and sent */
    REQUEST_IS_WITH_SERVER,
    REQUEST_AWAITS_NOTICE, /* a poll between two looks */
    REQUEST_IS_DONE        /* `result` is set */
};

struct operation {
    const char *name; /* for violations */
    uint32_t opcode;
    bool forced; /* sent without the caller's identity, and not interruptible */
    /* Describes the next message. */
    void (*prepare)(struct fake_request *request, struct message *message);
    /* Takes a reply in, and says what the request does now.  The kernel's lock is held. */
    enum request_state (*answered)(struct fake_request *request, const struct answer *answer);
};

struct transfer {
    uint8_t *data;
    size_t size;
    size_t position; /* bytes done */
    size_t part;     /* bytes in the message that is with the server */
};

struct ioctl_call {
    unsigned command;
    uint8_t *argument;
    bool unrestricted;
    struct iovec vectors[FUSE_IOCTL_MAX_IOV]; /* in, then out */
    unsigned in_count;
    unsigned out_count;
    size_t in_size;
    size_t out_size;
    uint8_t *gathered; /* what the in vectors of an unrestricted call hold; NULL: nothing */
};

struct poll_call {
    short events;
    bool waits;     /* the caller sleeps until there is an event */
    bool last_look; /* the caller's time is up */
    bool notified;  /* since the last POLL was sent */
};

struct fake_request {
    struct fake_kernel *kernel;
    struct fake_file *file; /* NULL: CUSE_INIT */
    const struct operation *operation;
    enum request_state state;
    uint64_t unique;  /* of the last message */
    bool detached;    /* freed when done: nobody waits for it */
    bool interrupted; /* a signal is pending for the caller */
    bool abandoned;   /* the caller's memory is gone: nothing more is sent or copied */
    ssize_t result;
    pthread_cond_t changed; /* for a waiter that does not receive itself */
    SLIST_ENTRY(fake_request) bucket;
    LIST_ENTRY(fake_request) of_file;
    TAILQ_ENTRY(fake_request) waiter;
    STAILQ_ENTRY(fake_request) outgoing;
    union {
        struct transfer transfer;
        struct ioctl_call *ioctl;
        struct poll_call poll;
    } call;
};

struct fake_file {
    struct fake_kernel *kernel;
    uint64_t fh;
    uint64_t kh; /* names the file in poll notifications */
    uint64_t lock_owner;
    uint32_t flags;
    bool is_open;        /* the server answered OPEN with success */
    bool polled;         /* some POLL asked for a notification */
    unsigned references; /* the descriptor's, and one for each request but RELEASE */
    LIST_ENTRY(fake_file) entry;
    LIST_HEAD(, fake_request) requests;
};

struct fake_kernel {
    int fd;
    int timeout;            /* ms of blocking calls */
    uint32_t uid, gid, pid; /* of the caller, for the headers */
    struct fake_device device;
    struct fake_request *init; /* NULL: answered */
    int init_result;

    pthread_mutex_t
        send_lock;        /* taken before `lock`; keeps messages in the order of their uniques */
    pthread_mutex_t lock; /* all that follows */
    uint64_t last_unique;
    uint64_t last_kh;
    bool gone;
    bool receiving; /* a thread is the receiver */
    bool no_open;   /* the server has no OPEN and RELEASE, no POLL, no INTERRUPT: it said ENOSYS */
    bool no_poll;
    bool no_interrupt;
    unsigned unanswered;
    SLIST_HEAD(, fake_request) buckets[BUCKETS]; /* by unique */
    LIST_HEAD(, fake_file) files;
    TAILQ_HEAD(, fake_request) waiters;   /* waited for by threads that do not receive */
    STAILQ_HEAD(, fake_request) outgoing; /* to be sent by the receiver */
    unsigned violations;
    char violation_texts[VIOLATIONS_KEPT][VIOLATION_SIZE];
    uint8_t received[MESSAGE_SIZE_MAX]; /* the receiver's own */
};

/* --- channel.c: messages out and in ------------------------------------------------------------
 */

/* Sends the request's next message, or ends the request if the server has gone.  No lock held. */
void channel_send_request(struct fake_request *request);

/* Sends all that is queued as outgoing.  No lock held. */
void channel_flush(struct fake_kernel *kernel);

/* Sends INTERRUPT if the server has a message of this request, ends a poll that sleeps between two
 * looks.  No lock held. */
void channel_interrupt(struct fake_request *request);

/* Receives until the request is done (0) or the time is up (-ETIMEDOUT).  No lock held. */
int channel_wait(struct fake_request *request, int milliseconds);

/* Receives what is there already.  No lock held. */
void channel_drain(struct fake_kernel *kernel);

/* Interrupts or ends whatever the file's requests do.  No lock held. */
void channel_interrupt_all(struct fake_file *file);

/* The server has closed its end: everything in flight ends.  No lock held. */
void channel_is_gone(struct fake_kernel *kernel);

/* --- reply.c: what a reply may be ----------------------------------------------------------------
 */

/* Takes in one message of the server: a reply, the reply to an INTERRUPT, or a notification.
 * Returns the request that is to be interrupted once more, or NULL.  Lock held. */
struct fake_request *reply_received(struct fake_kernel *kernel, const uint8_t *message,
                                    size_t size);

/* Hands the answer to its request, and ends, parks or queues the request as it says.  Lock held. */
void reply_conclude(struct fake_request *request, const struct answer *answer);

/* Records a violation of the protocol; `request` may be NULL.  Lock held. */
void record_violation(struct fake_kernel *kernel, const struct fake_request *request,
                      const char *format, ...) __attribute__((format(printf, 3, 4)));

/* True if the payload is that long; anything else is recorded as a violation.  Lock held. */
bool answer_has_size(struct fake_request *request, const struct answer *answer, size_t size);

/* --- request.c -----------------------------------------------------------------------------------
 */

/* A new request; `file` may be NULL. */
struct fake_request *request_new(struct fake_kernel *kernel, struct fake_file *file,
                                 const struct operation *operation);

/* The same, as one of the file's requests in flight.  No lock held. */
struct fake_request *request_on_file(struct fake_file *file, const struct operation *operation);

/* The request is done: wakes its waiter, or frees it if it is detached.  Lock held. */
void request_finish(struct fake_request *request);

void request_free(struct fake_request *request);

/* Waits as long as blocking calls may, then frees the request and returns its result. */
ssize_t request_complete(struct fake_request *request);

void *allocate(size_t size); /* zeroed, never NULL */

/* --- file.c --------------------------------------------------------------------------------------
 */

/* Drops a reference; the last one queues RELEASE, or frees the file.  Lock held. */
void file_put(struct fake_file *file);

/* --- ioctl.c -------------------------------------------------------------------------------------
 */

void ioctl_free(struct ioctl_call *call);
extern const struct operation ioctl_operation;

/* --- poll.c --------------------------------------------------------------------------------------
 */

/* FUSE_NOTIFY_POLL came in.  Lock held. */
void poll_notified(struct fake_kernel *kernel, uint64_t kh);

/* The file's polls look again.  Lock held. */
void poll_wake(struct fake_file *file);

extern const struct operation poll_operation;

#endif
