/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/signals.h"

#include <signal.h>
#include <stddef.h>

static struct device *volatile device_to_wake;
static volatile sig_atomic_t end_wanted;
static volatile sig_atomic_t hangup_seen;

static void note(int signal_number)
{
    if (signal_number == SIGHUP)
        hangup_seen = 1;
    else
        end_wanted = 1;
    if (device_to_wake != NULL)
        device_wake(device_to_wake);
}

void signals_ignore_failed_writes(void)
{
    struct sigaction ignored = {.sa_handler = SIG_IGN};

    sigaction(SIGPIPE, &ignored, NULL);
    sigaction(SIGXFSZ, &ignored, NULL);
}

/* Without SA_RESTART, so that a blocked read of the channel ends. */
void signals_watch(struct device *device)
{
    struct sigaction noted = {.sa_handler = note};

    device_to_wake = device;
    sigaction(SIGTERM, &noted, NULL);
    sigaction(SIGINT, &noted, NULL);
    sigaction(SIGHUP, &noted, NULL);
}

void signals_forget_device(void)
{
    device_to_wake = NULL;
}

bool signals_ask_for_end(void)
{
    return end_wanted != 0;
}

bool signals_take_hangup(void)
{
    bool seen = hangup_seen != 0;

    hangup_seen = 0;
    return seen;
}
