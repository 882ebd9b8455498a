/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Prints the frequency of the time-stamp counter in kHz.  QEMU's guests see the host's counter, and
 * a Linux guest that has to find its frequency out for itself may hang when the host is busy.
 */
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <x86intrin.h>

enum { MEASURED_NS = 200000000 };

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

int main(void)
{
    uint64_t first_tick = __rdtsc();
    int64_t first_ns = now_ns();
    int64_t elapsed_ns;

    do {
        elapsed_ns = now_ns() - first_ns;
    } while (elapsed_ns < MEASURED_NS);
    printf("%.0f\n", (double)(__rdtsc() - first_tick) * 1e6 / (double)elapsed_ns);
    return 0;
}
