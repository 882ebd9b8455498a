/* SPDX-License-Identifier: BSD-3-Clause */
#include "tpm/tpm.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libtpms/tpm_error.h>
#include <libtpms/tpm_library.h>
#include <libtpms/tpm_memory.h>
#include <libtpms/tpm_tis.h>

#include "swtpm_ptm.h"
#include "tpm/callbacks.h"
#include "tpm/capture.h"
#include "tpm/command.h"
#include "tpm/crypto_library.h"
#include "tpm/given_states.h"
#include "tpm/profile.h"
#include "tpm/report.h"
#include "tpm/stored_states.h"
#include "util/log.h"

enum { LOCALITY_MAX = 4 };

/* Memory of libtpms' allocator, kept from command to command. */
struct library_response {
    unsigned char *data;
    uint32_t size;
    uint32_t capacity;
};

/* libtpms has no context pointers, so neither has this file. */
static struct {
    struct tpm_parameters parameters;
    struct stored_states states;
    atomic_bool running;
    atomic_bool processing; /* a command is announced, or with libtpms */
    /* Set by the loop while the worker may be in libtpms, which asks for it. */
    _Atomic uint8_t locality;
    bool shut_down;                   /* the last command was a successful TPM2_Shutdown */
    bool failure_answered;            /* a command, by TPM_RC_FAILURE, since the start */
    struct library_response response; /* to the last command of a client */
    uint8_t short_response[TPM_HEADER_SIZE];
} tpm;

/* ------------------------------------------------------------------------------- life cycle */

static TPM_RESULT choose_version(void)
{
    return TPMLIB_ChooseTPMVersion(
        tpm.parameters.version == TPM_VERSION_2_0 ? TPMLIB_TPM_VERSION_2 : TPMLIB_TPM_VERSION_1_2);
}

/* libtpms tells its debug log, or else standard error, of each failure mode and of the command that
 * led to it: all bytes of that, passwords and data too.  Where there is no null device nobody has
 * the descriptor that it gets; dprintf(3) would lose some memory at each failure then. */
void tpm_silence_library(void)
{
    int fd = (int)TEMP_FAILURE_RETRY(open("/dev/null", O_WRONLY | O_CLOEXEC));

    TPMLIB_SetDebugFD(fd >= 0 ? fd : INT_MAX);
}

static void configure_debug_log(void)
{
    if (log_level() < LOG_LEVEL_LIBTPMS || log_fd() < 0)
        return;
    TPMLIB_SetDebugFD(log_fd());
    TPMLIB_SetDebugLevel(log_level() - 4);
    TPMLIB_SetDebugPrefix("    ");
}

static int set_profile(struct error *error)
{
    return tpm.parameters.profile == NULL ? 0 : tpm_profile_set(tpm.parameters.profile, error);
}

int tpm_configure(const struct tpm_parameters *parameters, struct error *error)
{
    tpm.parameters = *parameters;
    tpm.states.store = parameters->store;
    storage_lock_init(&tpm.states.lock, parameters->store, &parameters->lock);
    configure_debug_log();

    TPM_RESULT result = choose_version();
    if (result == TPM_SUCCESS)
        result = callbacks_register(&tpm.states, &tpm.locality);
    if (result != TPM_SUCCESS) {
        error_set(error, "libtpms refuses to be a TPM %s: result %#x",
                  parameters->version == TPM_VERSION_2_0 ? "2.0" : "1.2", result);
        return -1;
    }
    if (set_profile(error) != 0)
        return -1;
    return storage_lock_start(&tpm.states.lock, error);
}

static TPM_RESULT lock_for_start(void)
{
    bool deferred = tpm.parameters.lock.incoming && !given_states_exist();

    return deferred ? TPM_SUCCESS : tpm_lock_storage(STORAGE_LOCK_RETRIES);
}

static TPM_RESULT delete_stored_volatile(void)
{
    bool exists;

    TPM_RESULT result = stored_states_exists(&tpm.states, STATE_VOLATILE, &exists);
    if (result == TPM_SUCCESS && exists)
        result = stored_states_delete(&tpm.states, STATE_VOLATILE);
    return result;
}

/* libtpms may have forgotten both at the end of the last TPM. */
static TPM_RESULT choose_version_and_profile(void)
{
    struct error error;

    TPM_RESULT result = choose_version();
    if (result == TPM_SUCCESS && set_profile(&error) != 0)
        result = report_result(TPM_FAIL, &error);
    return result;
}

/* What fails in a start that libtpms calls a success.  A TPM 2 of libtpms starts without a volatile
 * state that cannot be loaded, as if there were none: a guest that resumes would find its PCRs
 * reset. One that could not be stored starts too, in failure mode; and one that was set starts
 * without being stored if there is no memory for that. */
static TPM_RESULT hidden_failure(void)
{
    struct callback_results results = callbacks_results();

    if (results.load_result != TPM_SUCCESS)
        return tpm.parameters.version == TPM_VERSION_2_0 ? TPM2_RC_FAILURE : results.load_result;
    if (crypto_library_has_failed())
        log_error("OpenSSL had no memory or no random bytes for the start of the TPM");
    else if (given_states_replace_permanent() && !results.permanent_stored)
        log_error("libtpms has not stored the permanent blob that was set; was there no memory?");
    else if (!results.store_failed)
        return TPM_SUCCESS;
    return tpm_result_failure(tpm.parameters.version);
}

/* What else fails has been logged where it did. */
static void explain_refusal(void)
{
    struct callback_results results = callbacks_results();

    if (results.load_result == TPM_SUCCESS && !results.store_failed && !crypto_library_has_failed())
        log_error("libtpms refuses to start: a state that was loaded or set is damaged inside, "
                  "does not fit the others or is of a newer libtpms, or there was no memory; a "
                  "log of level 5 tells more");
}

static TPM_RESULT start_library(void)
{
    callbacks_forget_results();
    crypto_library_forget_failure();
    if (!crypto_library_is_random()) {
        log_error("There are no random bytes: getrandom(2) fails, or the generator that OpenSSL's "
                  "configuration demands; without them no TPM is started");
        return tpm_result_failure(tpm.parameters.version);
    }
    TPM_RESULT result = given_states_hand_over();
    if (result == TPM_SUCCESS)
        result = TPMLIB_MainInit();
    if (result == TPM_SUCCESS)
        return hidden_failure();
    explain_refusal();
    return result;
}

TPM_RESULT tpm_start(bool delete_volatile)
{
    TPM_RESULT result = tpm_stop();
    if (result == TPM_SUCCESS)
        result = lock_for_start();
    if (result == TPM_SUCCESS)
        result = choose_version_and_profile();
    if (result == TPM_SUCCESS) {
        result = start_library();
        if (result == TPM_SUCCESS && delete_volatile)
            result = delete_stored_volatile();
        if (result != TPM_SUCCESS) {
            TPMLIB_Terminate();
            state_store_forget(tpm.states.store);
        }
    }
    if (result != TPM_SUCCESS) {
        log_error("The TPM cannot start: result %#x%s", result,
                  given_states_exist() ? "; the blobs that were set are kept for the next INIT"
                                       : "");
        return result;
    }
    given_states_forget();
    tpm.shut_down = false;
    tpm.failure_answered = false;
    tpm.running = true;
    log_info("TPM %s started", tpm.parameters.version == TPM_VERSION_2_0 ? "2.0" : "1.2");
    return TPM_SUCCESS;
}

static void response_free(struct library_response *response)
{
    if (response->data != NULL)
        explicit_bzero(response->data, response->capacity);
    TPM_Free(response->data);
    *response = (struct library_response){0};
}

static TPM_RESULT run_command(struct swtpm_bytes command, struct library_response *response)
{
    /* libtpms takes the command as writable, though it only reads it. */
    union {
        const void *in;
        unsigned char *out;
    } bytes = {.in = command.data};

    crypto_library_forget_failure();
    TPM_RESULT result = TPMLIB_Process(&response->data, &response->size, &response->capacity,
                                       bytes.out, (uint32_t)command.size);
    if (crypto_library_has_failed()) {
        log_error("OpenSSL had no memory or no random bytes for a command, which is answered with "
                  "failure");
        return TPM_FAIL;
    }
    if (result == TPM_SUCCESS && response->size >= TPM_HEADER_SIZE)
        return TPM_SUCCESS;
    log_error("libtpms failed to process a command: result %#x", result);
    return TPM_FAIL;
}

/* A response of its own, because a client may still have to read the last one.  Freed by the
 * caller, whatever the result. */
static TPM_RESULT run_own_command(struct swtpm_bytes command, struct library_response *response,
                                  struct swtpm_bytes *answer)
{
    capture_command(command);
    TPM_RESULT result = run_command(command, response);
    if (result != TPM_SUCCESS)
        return result;
    *answer = (struct swtpm_bytes){.data = response->data, .size = response->size};
    capture_response(*answer);
    return TPM_SUCCESS;
}

static bool try_shutdown(enum tpm2_startup_type type)
{
    uint8_t command[TPM_STARTUP_COMMAND_SIZE];
    const struct swtpm_bytes bytes = {.data = command, .size = sizeof command};
    struct library_response response = {0};
    struct swtpm_bytes answer;
    uint32_t code = TPM_FAIL;

    tpm2_command_put_shutdown(type, command);
    if (run_own_command(bytes, &response, &answer) == TPM_SUCCESS)
        tpm_header_code(answer, &code);
    response_free(&response);
    return code == TPM_SUCCESS;
}

/* Not every TPM_RC_FAILURE means failure mode.  The TPM is asked only after one, since any command
 * ends an exclusive audit session. */
static bool is_in_failure_mode(void)
{
    uint8_t command[TPM_HEADER_SIZE];
    const struct swtpm_bytes bytes = {.data = command, .size = sizeof command};
    struct library_response response = {0};
    struct swtpm_bytes answer;

    if (tpm.parameters.version != TPM_VERSION_2_0 || !tpm.failure_answered)
        return false;
    tpm2_command_put_get_test_result(command);
    bool failed = run_own_command(bytes, &response, &answer) != TPM_SUCCESS ||
                  tpm2_response_tells_failure(answer);
    response_free(&response);
    return failed;
}

/* Without it the dictionary attack lockout counter would rise (TPM 2.0 part 1 §19.8.3).  Whoever
 * gave the lock away has given the state away with it, so nothing is written then. */
static void shut_down_if_due(void)
{
    if (tpm.parameters.version != TPM_VERSION_2_0 || !tpm.parameters.automatic_shutdown ||
        tpm.shut_down || tpm_needs_storage_lock())
        return;
    if (!try_shutdown(TPM2_SU_STATE) && !try_shutdown(TPM2_SU_CLEAR))
        log_write(LOG_LEVEL_CONTROL, "The TPM refused TPM2_Shutdown before its end");
}

/* That the TPM refuses TPM2_Shutdown, because it had no Startup or has failed before, is no failure
 * here: its end loses nothing that a client does not know of.  That its state could not be stored
 * is one. */
TPM_RESULT tpm_stop(void)
{
    if (!tpm.running)
        return TPM_SUCCESS;
    callbacks_forget_results();
    shut_down_if_due();
    TPMLIB_Terminate();
    state_store_forget(tpm.states.store);
    tpm.running = false;
    log_info("TPM stopped");
    return callbacks_results().store_failed ? tpm_result_failure(tpm.parameters.version)
                                             : TPM_SUCCESS;
}

void tpm_release(void)
{
    response_free(&tpm.response);
    given_states_forget();
}

bool tpm_is_running(void)
{
    return tpm.running;
}

enum tpm_version tpm_version(void)
{
    return tpm.parameters.version;
}

/* --------------------------------------------------------------------------------- commands */

static struct swtpm_bytes short_response(uint32_t result)
{
    tpm_response_put(tpm.parameters.version, result, tpm.short_response);
    return (struct swtpm_bytes){.data = tpm.short_response, .size = TPM_HEADER_SIZE};
}

static struct swtpm_bytes failure_response(void)
{
    return short_response(tpm_result_failure(tpm.parameters.version));
}

static struct swtpm_bytes process_set_locality(uint8_t locality)
{
    if (!tpm.parameters.allow_set_locality)
        return failure_response();
    uint32_t result = tpm_set_locality(locality);
    if (result != TPM_SUCCESS && tpm.parameters.version == TPM_VERSION_2_0)
        result = TPM2_RC_SET_LOCALITY_REFUSED;
    return short_response(result);
}

static void remember_shutdown(struct swtpm_bytes command, struct swtpm_bytes response)
{
    uint32_t ordinal, code;

    tpm.shut_down = tpm_header_code(command, &ordinal) && ordinal == TPM2_CC_SHUTDOWN &&
                    tpm_header_code(response, &code) && code == TPM_SUCCESS;
}

static void note_failure(struct swtpm_bytes response)
{
    uint32_t code;

    if (tpm.failure_answered || tpm.parameters.version != TPM_VERSION_2_0 ||
        !tpm_header_code(response, &code) || code != TPM2_RC_FAILURE)
        return;
    tpm.failure_answered = true;
    if (!callbacks_results().store_failed)
        log_error("The TPM answered a command with TPM_RC_FAILURE; if it does so for all others, "
                  "initialise it anew; a log of level 5 tells where it failed");
}

static void log_exchange(struct swtpm_bytes command, struct swtpm_bytes response)
{
    uint32_t ordinal = 0, code = 0;

    if (log_level() < LOG_LEVEL_COMMAND)
        return;
    tpm_header_code(command, &ordinal);
    tpm_header_code(response, &code);
    log_write(LOG_LEVEL_COMMAND, "Command %#x of %zu bytes, locality %u: result %#x, %zu bytes",
              ordinal, command.size, tpm.locality, code, response.size);
}

static struct swtpm_bytes answer_command(struct swtpm_bytes command)
{
    uint8_t locality;

    if (!tpm.running)
        return failure_response();
    if (tpm_command_is_set_locality(command, &locality))
        return process_set_locality(locality);
    if (run_command(command, &tpm.response) != TPM_SUCCESS) {
        tpm.failure_answered = true;
        return failure_response();
    }
    struct swtpm_bytes response = {.data = tpm.response.data, .size = tpm.response.size};
    remember_shutdown(command, response);
    note_failure(response);
    log_exchange(command, response);
    return response;
}

void tpm_announce_command(void)
{
    tpm.processing = true;
}

struct swtpm_bytes tpm_process(struct swtpm_bytes command)
{
    capture_command(command);
    tpm.processing = true;
    struct swtpm_bytes response = answer_command(command);
    tpm.processing = false;
    capture_response(response);
    return response;
}

void tpm_wipe_response(void)
{
    if (tpm.response.size > 0)
        explicit_bzero(tpm.response.data, tpm.response.size);
    tpm.response.size = 0;
}

static bool is_resumed(uint32_t code)
{
    if (tpm.parameters.version == TPM_VERSION_2_0)
        return code == TPM2_RC_INITIALIZE;
    return code == TPM_INVALID_POSTINIT;
}

static bool has_nothing_to_resume(uint16_t type, uint32_t code)
{
    if (tpm.parameters.version == TPM_VERSION_2_0)
        return type == TPM2_SU_STATE && code == TPM2_RC_VALUE_PARAMETER_1;
    return type == TPM_ST_STATE && code == TPM_FAILEDSELFTEST;
}

int tpm_send_startup(uint16_t type, struct error *error)
{
    uint8_t command[TPM_STARTUP_COMMAND_SIZE];
    uint32_t code = 0;

    tpm_command_put_startup(tpm.parameters.version, type, command);
    struct swtpm_bytes response =
        tpm_process((struct swtpm_bytes){.data = command, .size = sizeof command});
    tpm_header_code(response, &code);
    if (code == TPM_SUCCESS || is_resumed(code))
        return 0;
    if (has_nothing_to_resume(type, code)) {
        log_error("option --flags startup-state: the TPM answered %#x: it has no saved state to go "
                  "on with; use startup-clear, or 'swtpm_ioctl -i' and a startup command", code);
        return 0;
    }
    error_set(error, "option --flags: the TPM answered the startup command of type %u with %#x",
              type, code);
    return -1;
}

bool tpm_needs_storage_lock(void)
{
    return storage_lock_is_missing(&tpm.states.lock);
}

TPM_RESULT tpm_lock_storage(unsigned retries)
{
    struct error error;

    if (storage_lock_take(&tpm.states.lock, retries, &error) == 0)
        return TPM_SUCCESS;
    return report_result(TPM_FAIL, &error);
}

void tpm_allow_lock_waiting(bool allowed)
{
    state_store_allow_waiting(tpm.states.store, allowed);
}

/* -------------------------------------------------------------------------- control functions */

TPM_RESULT tpm_cancel(void)
{
    if (!tpm.running)
        return TPM_BAD_ORDINAL;
    /* It is meant for one command, and libtpms does not promise to forget it before the next. */
    return tpm.processing ? TPMLIB_CancelCommand() : TPM_SUCCESS;
}

static bool locality_is_allowed(uint8_t locality)
{
    return locality < LOCALITY_MAX ||
           (locality == LOCALITY_MAX && !tpm.parameters.reject_locality_4);
}

TPM_RESULT tpm_set_locality(uint8_t locality)
{
    if (!locality_is_allowed(locality))
        return TPM_BAD_LOCALITY;
    tpm.locality = locality;
    return TPM_SUCCESS;
}

TPM_RESULT tpm_reset_established(uint8_t locality)
{
    if (!tpm.running)
        return TPM_BAD_ORDINAL;
    if (locality > LOCALITY_MAX)
        return TPM_BAD_LOCALITY;
    uint8_t in_force = tpm.locality;
    tpm.locality = locality;
    TPM_RESULT result = TPM_IO_TpmEstablished_Reset();
    tpm.locality = in_force;
    return result;
}

TPM_RESULT tpm_get_established(bool *established)
{
    TPM_BOOL bit = 0;

    if (!tpm.running)
        return TPM_BAD_ORDINAL;
    TPM_RESULT result = TPM_IO_TpmEstablished_Get(&bit);
    *established = bit != 0;
    return result;
}

TPM_RESULT tpm_hash_start(void)
{
    return tpm.running ? TPM_IO_Hash_Start() : (TPM_RESULT)(TPM_BAD_ORDINAL);
}

TPM_RESULT tpm_hash_data(struct swtpm_bytes data)
{
    return tpm.running ? TPM_IO_Hash_Data(data.data, (uint32_t)data.size)
                       : (TPM_RESULT)(TPM_BAD_ORDINAL);
}

TPM_RESULT tpm_hash_end(void)
{
    return tpm.running ? TPM_IO_Hash_End() : (TPM_RESULT)(TPM_BAD_ORDINAL);
}

TPM_RESULT tpm_set_buffer_size(uint32_t wanted, uint32_t *size, uint32_t *minimum,
                               uint32_t *maximum)
{
    bool refused = wanted != 0 && tpm.running;

    *size = TPMLIB_SetBufferSize(refused ? 0 : wanted, minimum, maximum);
    return refused ? (TPM_RESULT)(TPM_BAD_ORDINAL) : TPM_SUCCESS;
}

uint32_t tpm_config_flags(void)
{
    const struct state_blob_keys *keys = &tpm.parameters.keys;

    return (keys->state_key != NULL ? PTM_CONFIG_FLAG_FILE_KEY : 0) |
           (keys->migration_key != NULL ? PTM_CONFIG_FLAG_MIGRATION_KEY : 0);
}

/* ----------------------------------------------------------------------------------- states */

static TPM_RESULT collect_volatile(struct buffer *plain)
{
    unsigned char *data = NULL;
    uint32_t size = 0;

    /* libtpms would give one that records the failure: no TPM could start from that. */
    if (callbacks_results().store_failed || is_in_failure_mode()) {
        log_error("The volatile state cannot be taken from a TPM that %s; initialise the TPM anew",
                  callbacks_results().store_failed ? "could not store its state"
                                                   : "is in failure mode");
        return TPM_FAIL;
    }
    TPM_RESULT result = TPMLIB_VolatileAll_Store(&data, &size);
    if (result == TPM_SUCCESS && buffer_append(plain, data, size) != 0)
        result = TPM_SIZE;
    if (data != NULL)
        explicit_bzero(data, size);
    TPM_Free(data);
    if (result != TPM_SUCCESS)
        log_error("The volatile state cannot be collected: result %#x", result);
    return result;
}

TPM_RESULT tpm_store_volatile(void)
{
    struct buffer plain = {0};

    if (!tpm.running)
        return TPM_BAD_ORDINAL;
    TPM_RESULT result = collect_volatile(&plain);
    if (result == TPM_SUCCESS)
        result = stored_states_save(&tpm.states, STATE_VOLATILE,
                                    (struct swtpm_bytes){.data = plain.data, .size = plain.size});
    buffer_free(&plain);
    return result;
}

static TPM_RESULT get_plain_state(enum state_type type, struct buffer *plain)
{
    if (type != STATE_VOLATILE)
        return stored_states_load(&tpm.states, type, plain);
    TPM_RESULT result = collect_volatile(plain);
    return result == TPM_SUCCESS ? delete_stored_volatile() : result;
}

TPM_RESULT tpm_get_state_blob(enum state_type type, bool decrypted, struct buffer *blob,
                              bool *encrypted)
{
    struct buffer plain = {0};
    struct error error;

    if (!tpm.running)
        return TPM_BAD_ORDINAL;
    TPM_RESULT result = get_plain_state(type, &plain);
    if (result == TPM_SUCCESS)
        result = report_result(
            state_blob_wrap(&tpm.parameters.keys, tpm.parameters.version, type,
                            (struct swtpm_bytes){.data = plain.data, .size = plain.size}, decrypted,
                            blob, encrypted, &error),
            &error);
    buffer_free(&plain);
    return result;
}

void tpm_state_blob_fetched(enum state_type type)
{
    storage_lock_blob_fetched(&tpm.states.lock, type);
}

TPM_RESULT tpm_set_state_blob(enum state_type type, bool encrypted, struct swtpm_bytes blob)
{
    struct buffer plain = {0};
    struct error error;
    TPM_RESULT result = TPM_SUCCESS;

    if (tpm.running)
        return TPM_BAD_ORDINAL;
    if (blob.size > 0)
        result = report_result(state_blob_unwrap(&tpm.parameters.keys, tpm.parameters.version, type,
                                                 blob, encrypted, &plain, &error),
                               &error);
    if (result == TPM_SUCCESS)
        result = given_states_set(type, &plain);
    buffer_free(&plain);
    return result;
}
