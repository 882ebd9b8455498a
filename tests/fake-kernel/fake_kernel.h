/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef FAKE_KERNEL_H
#define FAKE_KERNEL_H

/*
 * The kernel's side of CUSE, in a library: for tests, fuzzers and benchmarks of a CUSE server on a
 * machine without /dev/cuse.  The server gets one end of a SOCK_SEQPACKET socket pair where it
 * expects its open /dev/cuse; at the other end this library does what fs/fuse/cuse.c and
 * fs/fuse/dev.c of Linux 6.1 do (protocol 7.38, <linux/fuse.h>).  The functions below are what a
 * process would do with /dev/NAME: open, read, write, ioctl, poll, close, and be interrupted.
 * tests/fake-kernel/recordings hold what a real kernel sent for the same calls.
 *
 * Where a socket cannot be like /dev/cuse:
 * - The kernel refuses a bad reply with an errno from write(2).  Here the bad reply is recorded as
 * a violation and its request ends with -EIO.
 * - When the channel is gone the server reads 0 bytes (not ENODEV), and a write gives EPIPE with a
 *   SIGPIPE (not ENOENT).
 *
 * Threads.  Everything may be called from any thread, but one request is waited for by one thread
 * only, and a file that one thread closes is not used by another afterwards.  There is no thread
 * inside: whoever waits receives, for itself and for the others, since a hand-over would cost more
 * than the request.  So nothing is received while nobody waits, and the server may block once
 * about 400 KiB of replies are unread.
 *
 * Results.  As system calls of the kernel: 0 or more, or a negated errno.
 *   -ECONNABORTED  the server went away while the call was with it
 *   -ENOTCONN      the server had gone before
 *   -EIO           the reply was not one that the kernel takes (also a violation)
 *   -ETIMEDOUT     never from a kernel: see fake_kernel_set_timeout
 * When memory runs out the process is aborted.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct fake_kernel;  /* one CUSE channel, and the device it makes */
struct fake_file;    /* one open() of the device (struct file) */
struct fake_request; /* one system call in flight */

/* --- the channel ----------------------------------------------------------------------------- */

/* What the reply to CUSE_INIT says (struct cuse_init_out and the string after it). */
struct fake_device {
    char name[256]; /* DEVNAME=, without "/dev/" */
    uint32_t major; /* 0: the kernel picks */
    uint32_t minor;
    uint32_t flags;    /* CUSE_UNRESTRICTED_IOCTL */
    uint32_t max_read; /* bytes in one READ and WRITE; at least 4096 as in the kernel */
    uint32_t max_write;
    uint32_t protocol_minor;
};

/*
 * Makes a channel and sends CUSE_INIT over it.  *server_fd becomes the server's end, close-on-exec,
 * owned by the caller, who passes it on and closes it: only then does a server that dies close the
 * channel.  0, or a negated errno.  The kernel is freed by fake_kernel_destroy.
 */
int fake_kernel_create(struct fake_kernel **kernel, int *server_fd);

/*
 * Waits for the reply to CUSE_INIT, milliseconds at most (-1: for ever); then the device exists.
 * May be called again after -ETIMEDOUT.  -ECONNABORTED: the server went away.  -EPROTO: its reply
 * has no DEVNAME or another major version, and the kernel would have made no device.
 */
int fake_kernel_wait_device(struct fake_kernel *kernel, int milliseconds,
                            struct fake_device *device);

/*
 * Ends the channel as the kernel does by `echo 1 > /sys/fs/fuse/connections/N/abort` or when it
 * unloads: the server reads end-of-file, everything in flight ends with -ECONNABORTED.  CUSE has
 * no FUSE_DESTROY.
 */
void fake_kernel_hang_up(struct fake_kernel *kernel);

/* Hangs up and frees.  All files were closed and all requests waited for or abandoned before. */
void fake_kernel_destroy(struct fake_kernel *kernel);

/*
 * The longest that a blocking call below waits, in milliseconds; -1, the default: for ever.  A call
 * that expires is abandoned, recorded as a violation, and returns -ETIMEDOUT.
 */
void fake_kernel_set_timeout(struct fake_kernel *kernel, int milliseconds);

/* True once the server has closed its end, or fake_kernel_hang_up was called. */
bool fake_kernel_is_gone(struct fake_kernel *kernel);

/*
 * How often the server broke the protocol so far: a reply of the wrong length, with an error
 * outside -511..0, with data beside an error, more bytes than were asked for, a second reply, a
 * reply or notification that nothing asked for.  Takes in what the server has sent up to now.
 * fake_kernel_violation gives the text of number i, of the first 32; NULL beyond.
 */
unsigned fake_kernel_violations(struct fake_kernel *kernel);
const char *fake_kernel_violation(struct fake_kernel *kernel, unsigned i);

/* Requests that the server has taken or could take but has not answered. */
unsigned fake_kernel_unanswered(struct fake_kernel *kernel);

/* --- system calls that block ----------------------------------------------------------------- */

/* open(2).  `flags` as there; O_LARGEFILE is added and O_CREAT, O_EXCL, O_NOCTTY, O_TRUNC and
 * O_CLOEXEC are dropped, as the kernel does.  0 or a negated errno. */
int fake_open(struct fake_kernel *kernel, int flags, struct fake_file **file);

/*
 * close(2) of the last descriptor.  RELEASE goes out when no request is left on the file: at once,
 * and then its reply is waited for, or with the end of the last one.  Frees the file.  0, also when
 * the server answers RELEASE with an error, as in the kernel; or -ETIMEDOUT.
 */
int fake_close(struct fake_file *file);

/* The process is killed: everything it has in flight is interrupted, then the file is closed. */
int fake_kill(struct fake_file *file);

/* fcntl(F_SETFL): sets or clears O_NONBLOCK for the calls to come. */
void fake_set_nonblocking(struct fake_file *file, bool nonblocking);

/*
 * read(2) and write(2): offset 0, split into parts of max_read or max_write and of at most 32 pages
 * of the caller's memory; a part that comes out short is the last.  Size 0 sends nothing.
 */
ssize_t fake_read(struct fake_file *file, void *data, size_t size);
ssize_t fake_write(struct fake_file *file, const void *data, size_t size);

/*
 * ioctl(2).  On a restricted device _IOC_SIZE(command) bytes at `argument` go out and come in by
 * _IOC_DIR(command); what the server sends less stays as it was.  On an unrestricted one `argument`
 * is any value, and the server's retries say what is copied.  Returns the server's result.
 */
int fake_ioctl(struct fake_file *file, unsigned command, void *argument);

/*
 * poll(2) on this one file: `events` in, the events that are there out (POLLERR, POLLHUP
 * included); 0 when milliseconds passed (-1: wait for ever, 0: do not wait).  The set timeout does
 * not apply to the waiting, only to the server's replies.
 */
int fake_poll(struct fake_file *file, short events, int milliseconds);

/* --- the same, in the background ---------------------------------------------------------------
 */

/*
 * Each starts a call and returns at once with its handle, never NULL.  `data` and `argument` belong
 * to the request until fake_wait has returned its result, or fake_abandon was called.  A poll in
 * the background waits until an event is there.
 */
struct fake_request *fake_submit_read(struct fake_file *file, void *data, size_t size);
struct fake_request *fake_submit_write(struct fake_file *file, const void *data, size_t size);
struct fake_request *fake_submit_ioctl(struct fake_file *file, unsigned command, void *argument);
struct fake_request *fake_submit_poll(struct fake_file *file, short events);

/*
 * Waits for the end of a request, milliseconds at most (-1: for ever, 0: just look).  0: *result is
 * what the call returns, and the request is freed.  -ETIMEDOUT: it is still in flight and the
 * handle remains valid.
 */
int fake_wait(struct fake_request *request, int milliseconds, ssize_t *result);

/*
 * A signal for the caller: sends INTERRUPT for what the server has of this request.  As in the
 * kernel the call goes on until the server answers it; only a poll that waits for its notification
 * ends at once, with -EINTR.  May be called again.
 */
void fake_interrupt(struct fake_request *request);

/* Interrupts a request and gives up its handle and its data; the reply is still checked. */
void fake_abandon(struct fake_request *request);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
