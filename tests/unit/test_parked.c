/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <time.h>

#include <cmocka.h>

#include "device/parked.h"

/* In libfuse's place: a request is what was registered for it. */
struct fuse_req {
    fuse_interrupt_func_t interrupt;
    void *data;
    int error; /* it was answered with */
};

void fuse_req_interrupt_func(fuse_req_t request, fuse_interrupt_func_t function, void *data)
{
    request->interrupt = function;
    request->data = data;
}

int fuse_reply_err(fuse_req_t request, int error)
{
    request->error = error;
    return 0;
}

static struct parked_queue queue;

static int make_queue(void **state)
{
    (void)state;
    parked_init(&queue);
    return 0;
}

static void park(struct fuse_req *request)
{
    *request = (struct fuse_req){.error = 0};
    parked_add(&queue, request, NULL, 0, NULL, 0);
}

static void interrupt(struct fuse_req *request)
{
    request->interrupt(request, request->data);
}

static void assert_next(struct fuse_req *request)
{
    struct parked_request *parked = parked_take(&queue);

    assert_non_null(parked);
    assert_ptr_equal(parked->request, request);
    assert_null(request->interrupt);
    parked_free(parked);
}

static void first_come_first_served(void **state)
{
    (void)state;
    struct fuse_req requests[3];

    assert_null(parked_take(&queue));
    for (size_t i = 0; i < 3; i++)
        park(&requests[i]);
    for (size_t i = 0; i < 3; i++)
        assert_next(&requests[i]);
    assert_null(parked_take(&queue));
}

static void an_interrupted_request_is_answered_and_the_others_stay(void **state)
{
    (void)state;
    struct fuse_req requests[4];

    for (size_t gone = 0; gone < 3; gone++) {
        for (size_t i = 0; i < 3; i++)
            park(&requests[i]);
        interrupt(&requests[gone]);
        assert_int_equal(requests[gone].error, EINTR);
        park(&requests[3]);
        for (size_t i = 0; i < 4; i++)
            if (i != gone)
                assert_next(&requests[i]);
        assert_null(parked_take(&queue));
    }
}

static void the_input_is_copied(void **state)
{
    (void)state;
    struct fuse_req request;
    char input[] = "input";

    parked_add(&queue, &request, NULL, 7, input, sizeof input);
    input[0] = 'x';
    struct parked_request *parked = parked_take(&queue);
    assert_int_equal(parked->command, 7);
    assert_int_equal(parked->input_size, sizeof input);
    assert_string_equal(parked->input, "input");
    parked_free(parked);
}

/* Looking through those that wait would be 10^10 steps. */
static void many_wait_at_no_cost_to_the_next(void **state)
{
    (void)state;
    enum { MANY = 150 * 1000 };
    static struct fuse_req requests[MANY];
    clock_t start = clock();

    for (size_t i = 0; i < MANY; i++)
        park(&requests[i]);
    for (size_t i = 1; i <= MANY; i++)
        interrupt(&requests[MANY - i]);
    assert_null(parked_take(&queue));
    assert_in_range((clock() - start) / CLOCKS_PER_SEC, 0, 3);
}

#define TEST(function) cmocka_unit_test_setup(function, make_queue)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(first_come_first_served),
        TEST(an_interrupted_request_is_answered_and_the_others_stay),
        TEST(the_input_is_copied),
        TEST(many_wait_at_no_cost_to_the_next),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
