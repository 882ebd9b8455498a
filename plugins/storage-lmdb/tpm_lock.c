/* SPDX-License-Identifier: BSD-3-Clause */
#include "tpm_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../common/failure.h"
#include "directory.h"
#include "result.h"

enum { SLOT_SIZE = 8 };

int tpm_lock_open(struct tpm_lock *lock, const struct directory *directory, uint64_t number,
                  struct swtpm_plugin_error *error)
{
    int fd = directory_open_entry(directory->path, DIRECTORY_TPM_LOCK_FILE, O_RDWR);

    if (fd < 0)
        return result_fail_status(error, errno, "cannot open '%s/%s'", directory->path,
                                  DIRECTORY_TPM_LOCK_FILE);
    *lock = (struct tpm_lock){.directory = directory, .fd = fd, .number = number};
    return 0;
}

void tpm_lock_close(struct tpm_lock *lock)
{
    close(lock->fd);
}

static int set_lock(const struct tpm_lock *lock, short type)
{
    struct flock range = {.l_type = type,
                          .l_whence = SEEK_SET,
                          .l_start = (off_t)(lock->number * SLOT_SIZE),
                          .l_len = SLOT_SIZE};
    int status;

    do
        status = fcntl(lock->fd, F_OFD_SETLK, &range) == 0 ? 0 : errno;
    while (status == EINTR);
    return status == EACCES ? EAGAIN : status;
}

/* The process id is for people; the lock holds without it, on a full disk for instance. */
static void leave_process_id(const struct tpm_lock *lock)
{
    char text[SLOT_SIZE + 1];
    int length = snprintf(text, sizeof text, "%-7ld\n", (long)getpid());

    if (length == SLOT_SIZE &&
        pwrite(lock->fd, text, SLOT_SIZE, (off_t)(lock->number * SLOT_SIZE)) < 0)
        return;
}

static long read_process_id(const struct tpm_lock *lock)
{
    char text[SLOT_SIZE + 1] = "";

    if (pread(lock->fd, text, SLOT_SIZE, (off_t)(lock->number * SLOT_SIZE)) != SLOT_SIZE)
        return 0;
    return strtol(text, NULL, 10);
}

static int report_busy(const struct tpm_lock *lock, const char *tpm,
                       struct swtpm_plugin_error *error)
{
    long holder = read_process_id(lock);

    if (holder <= 0)
        return plugin_fail(error, SWTPM_PLUGIN_BUSY, "TPM '%s' is in use by another process", tpm);
    return plugin_fail(error, SWTPM_PLUGIN_BUSY, "TPM '%s' is in use by process %ld", tpm, holder);
}

static int check_place(const struct tpm_lock *lock, const char *tpm,
                       struct swtpm_plugin_error *error)
{
    int status = directory_check_entry(lock->directory, DIRECTORY_TPM_LOCK_FILE, lock->fd);

    if (status == SWTPM_PLUGIN_FENCED)
        return plugin_fail(error, status,
                           "the lock file '%s/%s' was removed or replaced while it was open, so "
                           "another process may own TPM '%s' now; start again",
                           lock->directory->path, DIRECTORY_TPM_LOCK_FILE, tpm);
    if (status != 0)
        return result_fail_status(error, status, "cannot examine '%s/%s'", lock->directory->path,
                                  DIRECTORY_TPM_LOCK_FILE);
    return 0;
}

int tpm_lock_check(const struct tpm_lock *lock, const char *tpm, struct swtpm_plugin_error *error)
{
    return lock->held ? check_place(lock, tpm, error) : 0;
}

int tpm_lock_take(struct tpm_lock *lock, const char *tpm, struct swtpm_plugin_error *error)
{
    if (lock->held)
        return check_place(lock, tpm, error);
    int status = set_lock(lock, F_WRLCK);
    if (status == EAGAIN)
        return report_busy(lock, tpm, error);
    if (status != 0)
        return result_fail_status(error, status, "cannot lock TPM '%s'", tpm);
    int result = check_place(lock, tpm, error);
    if (result != 0) {
        set_lock(lock, F_UNLCK);
        return result;
    }
    lock->held = true;
    leave_process_id(lock);
    return 0;
}

int tpm_lock_give_back(struct tpm_lock *lock, struct swtpm_plugin_error *error)
{
    if (!lock->held)
        return 0;
    int status = set_lock(lock, F_UNLCK);
    if (status != 0)
        return result_fail_status(error, status, "cannot unlock a TPM");
    lock->held = false;
    return 0;
}
