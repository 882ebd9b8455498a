/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Preloaded into the daemon: the clock of the day jumps between any two looks at it, by the seconds
 * that the environment variable CLOCK_JUMPS lists, separated by commas, in turn.  The other clocks
 * go on as they are, as they do when somebody sets the time.
 */
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { JUMPS_MAX = 16 };

static long jumps[JUMPS_MAX];
static unsigned count;
static atomic_uint looks;

__attribute__((constructor)) static void read_jumps(void)
{
    const char *text = getenv("CLOCK_JUMPS");

    while (text != NULL && count < JUMPS_MAX) {
        jumps[count++] = strtol(text, NULL, 10);
        text = strchr(text, ',');
        text = text != NULL ? text + 1 : NULL;
    }
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
    int result = (int)syscall(SYS_clock_gettime, clock, time);

    if (result == 0 && count > 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        time->tv_sec += jumps[atomic_fetch_add(&looks, 1) % count];
    return result;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone)
{
    struct timespec now;

    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0)
        return -1;
    *time = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
    return 0;
}

time_t time(time_t *to)
{
    struct timespec now;

    if (clock_gettime(CLOCK_REALTIME, &now) != 0)
        return -1;
    if (to != NULL)
        *to = now.tv_sec;
    return now.tv_sec;
}
