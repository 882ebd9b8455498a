/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TPM_TPM_H
#define TPM_TPM_H

#include <stdbool.h>
#include <stdint.h>

#include <libtpms/tpm_types.h>

#include "state/state_blob.h"
#include "state/state_store.h"
#include "tpm/storage_lock.h"
#include "util/buffer.h"
#include "util/error.h"

/*
 * The TPM: libtpms' life cycle and the calls into it.  libtpms keeps its state in globals, so there
 * is one TPM in a process and these functions take no handle.
 *
 * Threads: at any time one thread may be in these functions, the loop's or the worker's; which of
 * both is decided by worker.h (worker_is_busy).  tpm_cancel, tpm_set_locality, tpm_is_running,
 * tpm_version, tpm_config_flags, tpm_set_buffer_size, tpm_needs_storage_lock,
 * tpm_announce_command and tpm_allow_lock_waiting may be called by the loop at any time.
 *
 * States: stopped (after tpm_configure) and running (after tpm_start).  What needs a running TPM
 * returns TPM_BAD_ORDINAL while it is stopped, as swtpm-ptm(4) says.  Results are TPM result codes.
 */

struct tpm_parameters {
    enum tpm_version version;
    struct state_store *store;      /* borrowed until the process ends */
    struct state_blob_keys keys;    /* the keys are borrowed likewise */
    struct storage_lock_policy lock;
    const char *profile;            /* of a TPM 2 that is made (profile.h), NULL: libtpms' default;
                                       borrowed likewise */
    bool allow_set_locality;        /* honour the vendor SetLocality command */
    bool reject_locality_4;
    bool automatic_shutdown;        /* TPM2_Shutdown before the TPM ends, if the client sent none */
};

/* Keeps libtpms from telling standard error which command made it fail.  Needs /dev/null; keeps a
 * descriptor of it until the process ends.  Before tpm_configure, which may give libtpms a log. */
void tpm_silence_library(void);

/* Keeps the parameters, registers the callbacks with libtpms, takes the storage lock unless that is
 * deferred.  Once, before anything else.  0 or -1. */
int tpm_configure(const struct tpm_parameters *parameters, struct error *error);

/* Starts the TPM from the states that were set, else from its stored ones, ending a running one
 * first; if that fails (tpm_stop), none is started.  With `delete_volatile` the volatile state is
 * removed once it was read.  A failure is logged, and leaves what was set for the next start. */
TPM_RESULT tpm_start(bool delete_volatile);

/* Ends a running TPM: TPM2_Shutdown if due (swtpm-ptm(4), PTM_SHUTDOWN), then libtpms' end.  The
 * TPM is stopped in each case; a failure, which is logged, says that its state could not be
 * stored. */
TPM_RESULT tpm_stop(void);

/* Whether the last tpm_start succeeded and no tpm_stop came since; and the configured version. */
bool tpm_is_running(void);
enum tpm_version tpm_version(void);

/* Sends TPM_Startup or TPM2_Startup of that type.  A TPM that resumed from its volatile state and
 * needs none counts as success.  So does one that has no saved state for type STATE: that is logged,
 * and the client sees it and starts the TPM in another way.  0, or -1 with a message that holds the
 * TPM's answer. */
int tpm_send_startup(uint16_t type, struct error *error);

/*
 * Runs one command and returns its response, which stays valid until the next call of tpm_process,
 * tpm_wipe_response or tpm_release.  Never fails: a stopped TPM, and a refused vendor command, give
 * the failure response.
 */
struct swtpm_bytes tpm_process(struct swtpm_bytes command);

/* Wipes the last response, once it is needed no more.  Any thread, but not during tpm_process.
 * What libtpms itself keeps of a command stays until it overwrites that (doc/reliability.md). */
void tpm_wipe_response(void);

/* A command is about to be handed to tpm_process, on the worker's thread: a tpm_cancel from now on
 * is meant for it. */
void tpm_announce_command(void);

/* Whether the storage lock has to be taken (tpm_lock_storage) before a command may run. */
bool tpm_needs_storage_lock(void);

/* Takes the storage lock if it is missing: `retries` tries after the first, 10 ms apart.  A failure
 * is logged and returned as TPM_FAIL. */
TPM_RESULT tpm_lock_storage(unsigned retries);

/* While waiting is not allowed, a tpm_lock_storage that waits for another holder fails within 10
 * ms.  It is allowed at first. */
void tpm_allow_lock_waiting(bool allowed);

/* Cancels the command that is announced or processed.  TPM_SUCCESS, and nothing happens, if there
 * is none: while the worker starts the TPM, or waits for the storage lock. */
TPM_RESULT tpm_cancel(void);

/* TPM_BAD_LOCALITY above 4, and for 4 with reject-locality-4. */
TPM_RESULT tpm_set_locality(uint8_t locality);

/* Resets tpmEstablished as that locality would; the locality in force stays, so that 4 may do it even
 * with reject-locality-4.  TPM_BAD_LOCALITY above 4, and from libtpms below 3. */
TPM_RESULT tpm_reset_established(uint8_t locality);
TPM_RESULT tpm_get_established(bool *established);

/* The DRTM hash sequence (TPM Main 1.2 part 3 §22; TPM 2.0 part 1 §34). */
TPM_RESULT tpm_hash_start(void);
TPM_RESULT tpm_hash_data(struct swtpm_bytes data);
TPM_RESULT tpm_hash_end(void);

/* Stores the volatile state, to be resumed from at the next start.  TPM_FAIL for a TPM in failure
 * mode, or whose state could not be stored: it would be resumed as that. */
TPM_RESULT tpm_store_volatile(void);

/* Sets the size of command and response buffers, 0 leaves it; out: the sizes in force (NULL not
 * allowed). TPM_BAD_ORDINAL for another size while the TPM runs. */
TPM_RESULT tpm_set_buffer_size(uint32_t wanted, uint32_t *size, uint32_t *minimum,
                               uint32_t *maximum);

/* Wraps a state into a blob (state_blob.h) and replaces the contents of `blob` by it.  The volatile
 * state is taken from the running TPM as by tpm_store_volatile, and its stored copy is removed.
 * TPM_RETRY if there is no such state. */
TPM_RESULT tpm_get_state_blob(enum state_type type, bool decrypted, struct buffer *blob,
                              bool *encrypted);

/* Tells that a client has fetched a whole blob: may release the storage lock (storage_lock.h). */
void tpm_state_blob_fetched(enum state_type type);

/* Takes a blob as the state for the next start that succeeds; an empty one clears that state. */
TPM_RESULT tpm_set_state_blob(enum state_type type, bool encrypted, struct swtpm_bytes blob);

/* Flags of GET_CONFIG: which keys are set. */
uint32_t tpm_config_flags(void);

/* Wipes what the module remembers.  The TPM must be stopped. */
void tpm_release(void);

#endif
