/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <poll.h>
#include <pthread.h>
#include <semaphore.h>

#include <cmocka.h>

#include "tpm/worker.h"

struct record {
    pthread_t ran_on;
    int runs;
    int ends;
    sem_t gate;
};

static void run(void *context)
{
    struct record *record = context;

    sem_wait(&record->gate);
    record->ran_on = pthread_self();
    record->runs++;
}

static void done(void *context)
{
    struct record *record = context;

    assert_false(worker_is_busy());
    assert_int_equal(record->runs, record->ends + 1);
    record->ends++;
}

static int event_is_pending(void)
{
    struct pollfd fd = {.fd = worker_event_fd(), .events = POLLIN};
    return poll(&fd, 1, 0);
}

static void jobs_run_on_another_thread_one_after_the_other(void **state)
{
    (void)state;
    struct record record = {.runs = 0};
    struct error error;

    sem_init(&record.gate, 0, 0);
    assert_int_equal(worker_start(&error), 0);
    worker_await_start();
    assert_false(worker_is_busy());
    for (int i = 1; i <= 1000; i++) {
        worker_run(run, done, &record);
        assert_true(worker_is_busy());
        assert_int_equal(event_is_pending(), 0);
        sem_post(&record.gate);
        worker_finish();
        assert_int_equal(record.ends, i);
        assert_int_equal(event_is_pending(), 0);
    }
    assert_false(pthread_equal(record.ran_on, pthread_self()));
    worker_stop();
    sem_destroy(&record.gate);
}

static void it_can_be_started_again(void **state)
{
    (void)state;
    struct error error;

    assert_int_equal(worker_start(&error), 0);
    worker_await_start();
    worker_stop();
    assert_int_equal(worker_event_fd(), -1);
    worker_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jobs_run_on_another_thread_one_after_the_other),
        cmocka_unit_test(it_can_be_started_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
