/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DEVICE_SESSION_H
#define DEVICE_SESSION_H

/*
 * What a client sees: each call on /dev/NAME in each state (swtpm-ptm(4)).
 *
 * A SESSION is one open of the device.  Any number may exist.  Duplicated and inherited descriptors
 * share their session.
 *
 * THE COMMAND CHANNEL is one for the device.  It is
 *   free     nobody has written a command since its last owner closed;
 *   idle     a session owns it, and no command runs; a response may wait, read in part or not
 *            at all;
 *   running  the owner's command runs on the worker, or waits there for the storage lock.
 * The worker may also be busy with a control call (INIT, LOCK_STORAGE); "busy" below means either.
 *
 * write()
 *   of more than 4096 bytes             E2BIG; nothing changes
 *   while busy                          EBUSY; nothing changes
 *   while another session owns it       EBUSY; nothing changes
 *   else                                the session owns the channel, what is left of the last
 *                                       response is dropped, the command runs: at once if it is
 *                                       quick, else on the worker.  The write succeeds with all
 *                                       bytes, whatever the TPM answers.  With the TPM stopped the
 *                                       response is the TPM's failure response.
 *   if the storage lock cannot be had   EIO, after 3 seconds of trying, or EINTR if a signal comes
 *                                       before; the command did not run
 *   in an upload by write (below)       the bytes belong to the blob, unless busy (EBUSY) or the
 *                                       TPM runs (then they are a command)
 *   The write of a command drops the transfers of its session, unless it was refused.
 *
 * read()
 *   in a download (below)               bytes of the blob
 *   by a session that is not the owner  0 bytes
 *   idle                                up to as many bytes of the response as asked for; the rest
 *                                       stays for the next read; 0 bytes when all has been read
 *   running                             waits for the response, or EAGAIN with O_NONBLOCK, or EINTR
 *                                       if a signal comes; the response is not lost by that
 *
 * poll()
 *   POLLIN | POLLRDNORM                 read would give bytes
 *   POLLOUT | POLLWRNORM                write would be accepted
 *
 * ioctl()
 *   unknown, or of another size         EINVAL (SET_DATAFD too: for socket transports only)
 *   GET_CAPABILITY, SET_LOCALITY, CANCEL_TPM_CMD, GET_CONFIG
 *                                       answered at once in every state
 *   SET_BUFFERSIZE, LOCK_STORAGE        answered at once unless they have to touch the TPM or the
 *                                       store while busy; LOCK_STORAGE then waits for its turn.
 *                                       EINTR if a signal comes while it waits for another holder
 *                                       of the lock
 *   all others                          wait until the worker is free, in order of arrival; EINTR
 *                                       if a signal comes before their turn, without any effect
 *   What each answers stands with its handler in control.c and in swtpm-ptm(4).
 *
 * BLOB TRANSFERS belong to their session and are forgotten when it closes.
 *   Download: GET_STATEBLOB with offset 0 takes a fresh blob and gives its first part; further
 *   calls with larger offsets give further parts, and so does read(), from where the last part
 *   ended, until the end of the blob.
 *   Upload: SET_STATEBLOB with 3072 bytes collects, with fewer it ends the blob and hands it to the
 *   TPM.  A first part of no bytes switches to write(): what is written then belongs to the blob,
 *   until a SET_STATEBLOB of fewer than 3072 bytes ends it.  Another type or flag in between starts
 *   anew.  A part that is refused drops the transfer; past 512 KiB that is TPM_SIZE by ioctl, EFBIG
 *   by write.  What was set stays until an INIT succeeds with it.
 *   Of all sessions, 64 transfers may be under way; more are TPM_RESOURCES.
 *
 * close()
 *   forgets the transfers; if the session owned the channel it is free again, and a command that
 *   still runs goes on to its end, its response dropped.
 *
 * SHUTDOWN ends the process once it is answered; every later call gets ENOTCONN from the kernel.
 */

#include "device/fuse.h"
#include "device/state_transfer.h"

/* One open of the device. */
struct session {
    struct session *next;                /* in the list of all */
    struct fuse_pollhandle *poll_handle; /* the kernel's, for notifications; NULL: nobody polls */
    struct state_download download;
    struct state_upload upload;
};

#endif
