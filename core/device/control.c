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

/* One control call on its way to its handler. */
struct call {
    struct control *control;
    fuse_req_t request;
    struct session *session;
    const void *input; /* as large as the ioctl's structure, if the call takes arguments */
};

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

static void get_capability(const struct call *call)
{
    struct ptm_capability response = {.capabilities = capabilities};
    reply(call->request, &response, sizeof response);
}

static void set_locality(const struct call *call)
{
    const union ptm_locality *arguments = call->input;
    reply_result(call->request, tpm_set_locality(arguments->request.locality));
}

static void cancel(const struct call *call)
{
    reply_result(call->request, tpm_cancel());
}

static void get_config(const struct call *call)
{
    struct ptm_config response = {.flags = tpm_config_flags()};
    reply(call->request, &response, sizeof response);
}

/* A running TPM refuses every size, so libtpms is never changed beneath a command. */
static void set_buffer_size(const struct call *call)
{
    const union ptm_buffer_size *arguments = call->input;
    union ptm_buffer_size answer = {.request.size = 0};
    uint32_t size, minimum, maximum;

    answer.response.result =
        tpm_set_buffer_size(arguments->request.size, &size, &minimum, &maximum);
    answer.response.size = size;
    answer.response.minimum = minimum;
    answer.response.maximum = maximum;
    reply(call->request, &answer.response, sizeof answer.response);
}

/* ------------------------------------------------------------------------- with the worker */

static void finish_job(void *context)
{
    struct control *control = context;
    reply_result(control->job_request, control->job_result);
}

static void run_job(const struct call *call, uint32_t argument, void (*run)(void *context),
                    void (*finish)(void *context))
{
    call->control->job_request = call->request;
    call->control->job_argument = argument;
    worker_run(run, finish, call->control);
}

static void run_init(void *context)
{
    struct control *control = context;
    control->job_result = tpm_start((control->job_argument & PTM_INIT_FLAG_DELETE_VOLATILE) != 0);
}

static void init(const struct call *call)
{
    const union ptm_init *arguments = call->input;
    run_job(call, arguments->request.flags, run_init, finish_job);
}

static void run_lock_storage(void *context)
{
    struct control *control = context;
    control->job_result = tpm_lock_storage(control->job_argument);
}

static void finish_lock_storage(void *context)
{
    struct control *control = context;

    tpm_allow_lock_waiting(true);
    if (control->job_interrupted && control->job_result != TPM_SUCCESS)
        fuse_reply_err(control->job_request, EINTR);
    else
        finish_job(control);
}

/* A client may have asked for a wait of months. */
static void interrupt_lock_storage(fuse_req_t request, void *context)
{
    (void)request;
    struct control *control = context;

    control->job_interrupted = true;
    tpm_allow_lock_waiting(false);
}

static void run_lock_job(const struct call *call, uint32_t retries)
{
    call->control->job_interrupted = false;
    fuse_req_interrupt_func(call->request, interrupt_lock_storage, call->control);
    run_job(call, retries, run_lock_storage, finish_lock_storage);
}

/* Usually the lock is held already, and the call is answered even while a command runs. */
static void lock_storage(const struct call *call)
{
    const union ptm_lock_storage *arguments = call->input;

    if (!tpm_needs_storage_lock())
        reply_result(call->request, TPM_SUCCESS);
    else if (worker_is_busy())
        parked_add(&call->control->waiting, call->request, call->session, PTM_LOCK_STORAGE,
                   call->input, sizeof *arguments);
    else
        run_lock_job(call, arguments->request.retries);
}

/* ------------------------------------------------------------------- when the worker is free */

static void shut_down(const struct call *call)
{
    reply_result(call->request, tpm_stop());
    call->control->shut_down = true;
}

static void stop(const struct call *call)
{
    reply_result(call->request, tpm_stop());
}

static void get_established(const struct call *call)
{
    bool established = false;
    struct ptm_established response = {.result = tpm_get_established(&established)};

    response.bit = established;
    reply(call->request, &response, sizeof response);
}

static void reset_established(const struct call *call)
{
    const union ptm_locality *arguments = call->input;
    reply_result(call->request, tpm_reset_established(arguments->request.locality));
}

static void hash_start(const struct call *call)
{
    reply_result(call->request, tpm_hash_start());
}

static uint32_t hash_part(const union ptm_hash_data *arguments)
{
    if (!tpm_is_running())
        return TPM_BAD_ORDINAL;
    if (arguments->request.length > sizeof arguments->request.data)
        return TPM_FAIL;
    return tpm_hash_data(
        (struct swtpm_bytes){.data = arguments->request.data, .size = arguments->request.length});
}

static void hash_data(const struct call *call)
{
    reply_result(call->request, hash_part(call->input));
}

static void hash_end(const struct call *call)
{
    reply_result(call->request, tpm_hash_end());
}

static void store_volatile(const struct call *call)
{
    reply_result(call->request, tpm_store_volatile());
}

static void get_state_blob(const struct call *call)
{
    union ptm_get_state part;

    memcpy(&part, call->input, sizeof part);
    state_download_part(&call->session->download, &part);
    if (fuse_reply_ioctl(call->request, 0, &part.response, sizeof part.response) == 0)
        state_download_taken(&call->session->download);
    explicit_bzero(&part, sizeof part);
}

static void set_state_blob(const struct call *call)
{
    reply_result(call->request, state_upload_part(&call->session->upload, call->input));
}

static void fill_info(union ptm_info *answer, uint64_t flags, uint32_t offset)
{
    char *text = tpm_info(flags);
    size_t total = text != NULL ? strlen(text) + 1 : 0;

    memset(answer, 0, sizeof *answer);
    if (text == NULL) {
        log_error("libtpms gives no information for the flags %#llx: no memory, or not supported",
                  (unsigned long long)flags);
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

static void get_info(const struct call *call)
{
    const union ptm_info *arguments = call->input;
    union ptm_info answer;

    fill_info(&answer, arguments->request.flags, arguments->request.offset);
    reply(call->request, &answer.response, sizeof answer.response);
}

/* -------------------------------------------------------------------------------- the table */

struct handler {
    const char *name;
    unsigned command;
    bool at_once; /* answered while the worker is busy */
    void (*handle)(const struct call *call);
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
        handler->handle(&(struct call){control, request, session, input});
}

void control_run_waiting(struct control *control)
{
    struct parked_request *parked;

    while (!worker_is_busy() && !control->shut_down &&
           (parked = parked_take(&control->waiting)) != NULL) {
        const struct handler *handler = find_handler(parked->command);
        handler->handle(
            &(struct call){control, parked->request, parked->session, parked->input});
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
