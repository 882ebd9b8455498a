/* SPDX-License-Identifier: BSD-3-Clause */
#include "device/control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <libtpms/tpm_types.h>
#include <libtpms/tpm_error.h>

#include "swtpm_ptm.h"
#include "tpm/info.h"
#include "tpm/tpm.h"
#include "tpm/worker.h"
#include "util/log.h"

static const uint64_t capabilities =
    PTM_CAPABILITY_INIT | PTM_CAPABILITY_SHUTDOWN | PTM_CAPABILITY_GET_TPMESTABLISHED |
    PTM_CAPABILITY_SET_LOCALITY | PTM_CAPABILITY_HASHING | PTM_CAPABILITY_CANCEL_TPM_CMD |
    PTM_CAPABILITY_STORE_VOLATILE | PTM_CAPABILITY_RESET_TPMESTABLISHED |
    PTM_CAPABILITY_GET_STATEBLOB | PTM_CAPABILITY_SET_STATEBLOB | PTM_CAPABILITY_STOP |
    PTM_CAPABILITY_GET_CONFIG | PTM_CAPABILITY_SET_BUFFERSIZE | PTM_CAPABILITY_GET_INFO |
    PTM_CAPABILITY_LOCK_STORAGE;

static void reply(fuse_req_t request, const void *response, size_t size)
{
    fuse_reply_ioctl(request, 0, response, size);
}

static void reply_result(fuse_req_t request, uint32_t result)
{
    struct ptm_result response = {.result = result};
    reply(request, &response, sizeof response);
}

/* ------------------------------------------------------------------------ answered at once */

static void get_capability(struct control *control, fuse_req_t request, struct session *session,
                           const void *input)
{
    (void)control;
    (void)session;
    (void)input;
    struct ptm_capability response = {.capabilities = capabilities};
    reply(request, &response, sizeof response);
}

static void set_locality(struct control *control, fuse_req_t request, struct session *session,
                         const void *input)
{
    (void)control;
    (void)session;
    const union ptm_locality *call = input;
    reply_result(request, tpm_set_locality(call->request.locality));
}

static void cancel(struct control *control, fuse_req_t request, struct session *session,
                   const void *input)
{
    (void)control;
    (void)session;
    (void)input;
    reply_result(request, tpm_cancel());
}

static void get_config(struct control *control, fuse_req_t request, struct session *session,
                       const void *input)
{
    (void)control;
    (void)session;
    (void)input;
    struct ptm_config response = {.flags = tpm_config_flags()};
    reply(request, &response, sizeof response);
}

/* A running TPM refuses every size, so libtpms is never changed beneath a command. */
static void set_buffer_size(struct control *control, fuse_req_t request, struct session *session,
                            const void *input)
{
    (void)control;
    (void)session;
    const union ptm_buffer_size *call = input;
    union ptm_buffer_size answer = {.request.size = 0};
    uint32_t size, minimum, maximum;

    answer.response.result = tpm_set_buffer_size(call->request.size, &size, &minimum, &maximum);
    answer.response.size = size;
    answer.response.minimum = minimum;
    answer.response.maximum = maximum;
    reply(request, &answer.response, sizeof answer.response);
}

/* ------------------------------------------------------------------------- with the worker */

static void finish_job(void *context)
{
    struct control *control = context;
    reply_result(control->job_request, control->job_result);
}

static void run_job(struct control *control, fuse_req_t request, uint32_t argument,
                    void (*run)(void *context))
{
    control->job_request = request;
    control->job_argument = argument;
    worker_run(run, finish_job, control);
}

static void run_init(void *context)
{
    struct control *control = context;
    control->job_result = tpm_start((control->job_argument & PTM_INIT_FLAG_DELETE_VOLATILE) != 0);
}

static void init(struct control *control, fuse_req_t request, struct session *session,
                 const void *input)
{
    (void)session;
    const union ptm_init *call = input;
    run_job(control, request, call->request.flags, run_init);
}

static void run_lock_storage(void *context)
{
    struct control *control = context;
    control->job_result = tpm_lock_storage(control->job_argument);
}

/* Held already is the usual case, and answered while a command runs. */
static void lock_storage(struct control *control, fuse_req_t request, struct session *session,
                         const void *input)
{
    const union ptm_lock_storage *call = input;

    if (!tpm_needs_storage_lock())
        reply_result(request, TPM_SUCCESS);
    else if (worker_is_busy())
        parked_add(&control->waiting, request, session, PTM_LOCK_STORAGE, input, sizeof *call);
    else
        run_job(control, request, call->request.retries, run_lock_storage);
}

/* ------------------------------------------------------------------- when the worker is free */

static void shut_down(struct control *control, fuse_req_t request, struct session *session,
                      const void *input)
{
    (void)session;
    (void)input;
    tpm_stop();
    reply_result(request, TPM_SUCCESS);
    control->shut_down = true;
}

static void stop(struct control *control, fuse_req_t request, struct session *session,
                 const void *input)
{
    (void)control;
    (void)session;
    (void)input;
    tpm_stop();
    reply_result(request, TPM_SUCCESS);
}

static void get_established(struct control *control, fuse_req_t request, struct session *session,
                            const void *input)
{
    (void)control;
    (void)session;
    (void)input;
    bool established = false;
    struct ptm_established response = {.result = tpm_get_established(&established)};

    response.bit = established;
    reply(request, &response, sizeof response);
}

static void reset_established(struct control *control, fuse_req_t request, struct session *session,
                              const void *input)
{
    (void)control;
    (void)session;
    const union ptm_locality *call = input;
    reply_result(request, tpm_reset_established(call->request.locality));
}

static void hash_start(struct control *control, fuse_req_t request, struct session *session,
                       const void *input)
{
    (void)control;
    (void)session;
    (void)input;
    reply_result(request, tpm_hash_start());
}

static uint32_t hash_part(const union ptm_hash_data *call)
{
    if (!tpm_is_running())
        return TPM_BAD_ORDINAL;
    if (call->request.length > sizeof call->request.data)
        return TPM_FAIL;
    return tpm_hash_data(
        (struct swtpm_bytes){.data = call->request.data, .size = call->request.length});
}

static void hash_data(struct control *control, fuse_req_t request, struct session *session,
                      const void *input)
{
    (void)control;
    (void)session;
    reply_result(request, hash_part(input));
}

static void hash_end(struct control *control, fuse_req_t request, struct session *session,
                     const void *input)
{
    (void)control;
    (void)session;
    (void)input;
    reply_result(request, tpm_hash_end());
}

static void store_volatile(struct control *control, fuse_req_t request, struct session *session,
                           const void *input)
{
    (void)control;
    (void)session;
    (void)input;
    reply_result(request, tpm_store_volatile());
}

static void get_state_blob(struct control *control, fuse_req_t request, struct session *session,
                           const void *input)
{
    (void)control;
    union ptm_get_state call;

    memcpy(&call, input, sizeof call);
    state_download_part(&session->download, &call);
    reply(request, &call.response, sizeof call.response);
    explicit_bzero(&call, sizeof call);
}

static void set_state_blob(struct control *control, fuse_req_t request, struct session *session,
                           const void *input)
{
    (void)control;
    reply_result(request, state_upload_part(&session->upload, input));
}

static void fill_info(union ptm_info *answer, uint64_t flags, uint32_t offset)
{
    char *text = tpm_info(flags);
    size_t total = text != NULL ? strlen(text) + 1 : 0;

    memset(answer, 0, sizeof *answer);
    if (text == NULL) {
        answer->response.result = TPM_FAIL;
    } else if (offset >= total) {
        answer->response.result = TPM_BAD_PARAMETER;
    } else {
        size_t rest = total - offset;
        size_t room = sizeof answer->response.buffer;
        size_t length = rest < room ? rest : room;
        answer->response.total_length = (uint32_t)total;
        answer->response.length = (uint32_t)length;
        memcpy(answer->response.buffer, text + offset, length);
    }
    free(text);
}

static void get_info(struct control *control, fuse_req_t request, struct session *session,
                     const void *input)
{
    (void)control;
    (void)session;
    const union ptm_info *call = input;
    union ptm_info answer;

    fill_info(&answer, call->request.flags, call->request.offset);
    reply(request, &answer.response, sizeof answer.response);
}

/* -------------------------------------------------------------------------------- the table */

struct handler {
    const char *name;
    unsigned command;
    bool at_once; /* answered while the worker is busy */
    void (*handle)(struct control *control, fuse_req_t request, struct session *session,
                   const void *input);
};

#define HANDLER(number, when, function)                                                            \
    [PTM_NUMBER_##number] = {.name = #number,                                                      \
                             .command = (unsigned)PTM_##number,                                    \
                             .at_once = (when),                                                    \
                             .handle = (function)}

enum { WAITS = false, AT_ONCE = true };

static const struct handler handlers[] = {
    HANDLER(GET_CAPABILITY, AT_ONCE, get_capability),
    HANDLER(INIT, WAITS, init),
    HANDLER(SHUTDOWN, WAITS, shut_down),
    HANDLER(GET_TPMESTABLISHED, WAITS, get_established),
    HANDLER(SET_LOCALITY, AT_ONCE, set_locality),
    HANDLER(HASH_START, WAITS, hash_start),
    HANDLER(HASH_DATA, WAITS, hash_data),
    HANDLER(HASH_END, WAITS, hash_end),
    HANDLER(CANCEL_TPM_CMD, AT_ONCE, cancel),
    HANDLER(STORE_VOLATILE, WAITS, store_volatile),
    HANDLER(RESET_TPMESTABLISHED, WAITS, reset_established),
    HANDLER(GET_STATEBLOB, WAITS, get_state_blob),
    HANDLER(SET_STATEBLOB, WAITS, set_state_blob),
    HANDLER(STOP, WAITS, stop),
    HANDLER(GET_CONFIG, AT_ONCE, get_config),
    HANDLER(SET_BUFFERSIZE, AT_ONCE, set_buffer_size),
    HANDLER(GET_INFO, WAITS, get_info),
    HANDLER(LOCK_STORAGE, AT_ONCE, lock_storage),
};

/* The whole number has to fit: it holds the direction and the size of the structure too. */
static const struct handler *find_handler(unsigned command)
{
    unsigned number = _IOC_NR(command);

    if (number >= sizeof handlers / sizeof *handlers || handlers[number].handle == NULL ||
        handlers[number].command != command)
        return NULL;
    return &handlers[number];
}

/* In restricted mode the kernel copies as much as the number says. */
static bool sizes_fit(unsigned command, size_t input_size, size_t output_size)
{
    size_t size = _IOC_SIZE(command);

    return ((_IOC_DIR(command) & _IOC_WRITE) == 0 || input_size == size) &&
           ((_IOC_DIR(command) & _IOC_READ) == 0 || output_size >= size);
}

void control_call(struct control *control, fuse_req_t request, struct session *session,
                  unsigned command, const void *input, size_t input_size, size_t output_size)
{
    const struct handler *handler = find_handler(command);

    if (handler == NULL || !sizes_fit(command, input_size, output_size)) {
        fuse_reply_err(request, EINVAL);
        return;
    }
    log_write(LOG_LEVEL_CONTROL, "Control call %s", handler->name);
    if (worker_is_busy() && !handler->at_once)
        parked_add(&control->waiting, request, session, command, input, input_size);
    else
        handler->handle(control, request, session, input);
}

void control_run_waiting(struct control *control)
{
    struct parked_request *parked;

    while (!worker_is_busy() && !control->shut_down &&
           (parked = parked_take(&control->waiting)) != NULL) {
        const struct handler *handler = find_handler(parked->command);
        handler->handle(control, parked->request, parked->session, parked->input);
        parked_free(parked);
    }
}

void control_refuse_waiting(struct control *control)
{
    struct parked_request *parked;

    while ((parked = parked_take(&control->waiting)) != NULL) {
        fuse_reply_err(parked->request, ENOTCONN);
        parked_free(parked);
    }
}
