/* SPDX-License-Identifier: BSD-3-Clause */
#include "state/state_store.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <libtpms/tpm_error.h>

#include "state/envelope.h"
#include "state/result.h"
#include "state/state_change.h"
#include "state/state_listing.h"
#include "util/log.h"

/* What is known of a state that was loaded or stored. */
enum knowledge {
    UNUSED,    /* it was neither */
    ABSENT,    /* the store holds none */
    STORED,    /* the store holds `plain` */
    IN_BACKUP, /* `plain` came from the backup, since the state itself is missing or damaged */
    UNCERTAIN  /* what the store holds is not known: a store failed, or there was no memory */
};

struct remembered_state {
    enum knowledge knowledge;
    struct buffer plain; /* STORED, IN_BACKUP */
};

struct state_store {
    enum tpm_version version;
    struct storage *storage;
    char *location;
    const struct state_key *key;
    bool durable;
    bool backup;
    bool locked;
    atomic_bool waiting_refused;
    struct remembered_state remembered[STATE_SAVE + 1];
};

static void name_in_error(const struct state_store *store, const char *value, struct error *error)
{
    error_prefix(error, "state '%s' in %s: ", value, store->location);
}

/* ------------------------------------------------------------------------ what is remembered */

static void forget(struct state_store *store, enum state_type type)
{
    store->remembered[type].knowledge = UNUSED;
    buffer_free(&store->remembered[type].plain);
}

void state_store_forget(struct state_store *store)
{
    for (enum state_type type = STATE_PERMANENT; type <= STATE_SAVE; type++)
        forget(store, type);
}

static void remember(struct state_store *store, enum state_type type, enum knowledge knowledge,
                     struct swtpm_bytes plain)
{
    struct remembered_state *remembered = &store->remembered[type];

    buffer_clear(&remembered->plain);
    remembered->knowledge =
        buffer_append(&remembered->plain, plain.data, plain.size) == 0 ? knowledge : UNCERTAIN;
}

/* While the TPM may not write, what it works on is kept, to be compared once it may again. */
static bool must_stay_remembered(const struct state_store *store, enum state_type type)
{
    return !store->locked && store->remembered[type].knowledge != UNUSED;
}

static void remember_loaded(struct state_store *store, enum state_type type,
                            enum knowledge knowledge, const struct buffer *plain)
{
    if (!must_stay_remembered(store, type))
        remember(store, type, knowledge, (struct swtpm_bytes){plain->data, plain->size});
}

static bool has_plain(const struct remembered_state *remembered)
{
    return remembered->knowledge == STORED || remembered->knowledge == IN_BACKUP;
}

static bool is_plain(const struct remembered_state *remembered, struct swtpm_bytes plain)
{
    return has_plain(remembered) && remembered->plain.size == plain.size &&
           (plain.size == 0 || memcmp(remembered->plain.data, plain.data, plain.size) == 0);
}

/* --------------------------------------------------------------------------------- life cycle */

int state_store_new(const struct state_store_parameters *parameters, struct state_store **store,
                    struct error *error)
{
    struct state_store *made = calloc(1, sizeof *made);
    char *location = strdup(parameters->location);

    if (made == NULL || location == NULL) {
        error_set(error, "no memory for the state in %s", parameters->location);
        free(made);
        free(location);
        return -1;
    }
    *made = (struct state_store){
        .version = parameters->version,
        .storage = parameters->storage,
        .location = location,
        .key = parameters->key,
        .durable = parameters->durable,
        .backup = parameters->backup,
    };
    *store = made;
    return 0;
}

void state_store_free(struct state_store *store)
{
    if (store == NULL)
        return;
    state_store_forget(store);
    free(store->location);
    free(store);
}

/* --------------------------------------------------------------------------------------- load */

static TPM_RESULT list_values(struct state_store *store, struct state_listing *listing,
                              struct error *error)
{
    int result = state_listing_read(store->storage, store->version, listing, error);
    if (result == 0)
        return TPM_SUCCESS;
    error_prefix(error, "cannot list the state in %s: ", store->location);
    return tpm_result(result);
}

TPM_RESULT state_store_exists(struct state_store *store, enum state_type type, bool *exists,
                              uint64_t *size, struct error *error)
{
    struct state_listing listing;

    TPM_RESULT result = list_values(store, &listing, error);
    if (result != TPM_SUCCESS)
        return result;
    *exists = listing.state[type].exists;
    if (size != NULL)
        *size = listing.state[type].size;
    return TPM_SUCCESS;
}

/* *damaged tells whether the value itself is missing or bad, so that a backup may stand in for it.
 * A store that denies access, is used by somebody else, or whose medium fails for the moment, and a
 * crypto plugin that fails, are no reason to go back in time.  Nor is a key that does not open it,
 * or the lack of one: under another key it may be whole, and an HMAC or tag that does not verify
 * does not tell a wrong key from changed content. */
static TPM_RESULT load_value(struct state_store *store, const char *name, enum state_type type,
                             struct buffer *plain, bool *damaged, struct error *error)
{
    struct buffer stored = {0};
    TPM_RESULT result;

    int got = storage_get(store->storage, name, &stored, error);
    if (got != 0) {
        result = got == SWTPM_PLUGIN_NOT_FOUND ? TPM_RETRY : tpm_result(got);
        *damaged = got == SWTPM_PLUGIN_NOT_FOUND || got == SWTPM_PLUGIN_CORRUPT;
    } else {
        struct swtpm_bytes envelope = {stored.data, stored.size};
        result = envelope_unwrap(store->key, store->version, type, envelope, plain, error);
        *damaged = result == TPM_FAIL;
    }
    if (result != TPM_SUCCESS)
        name_in_error(store, name, error);
    buffer_free(&stored);
    return result;
}

/* A permanent state that is not there although others are was lost, and libtpms would make a new
 * TPM. */
static TPM_RESULT refuse_if_lost(struct state_store *store, struct error *error)
{
    struct state_listing listing;
    const char *left;

    TPM_RESULT result = list_values(store, &listing, error);
    if (result != TPM_SUCCESS)
        return result;
    if (listing.backup.exists)
        left = state_backup_name(store->version);
    else if (listing.state[STATE_VOLATILE].exists)
        left = state_value_name(store->version, STATE_VOLATILE);
    else if (listing.state[STATE_SAVE].exists)
        left = state_value_name(store->version, STATE_SAVE);
    else
        return TPM_RETRY;
    error_set(error, "missing although '%s' is there, so it was lost; put it back, or remove "
                     "what is left to start with a new TPM", left);
    name_in_error(store, state_value_name(store->version, STATE_PERMANENT), error);
    return TPM_FAIL;
}

static TPM_RESULT read_backup(struct state_store *store, struct buffer *plain)
{
    struct error error;
    bool damaged;

    TPM_RESULT result = load_value(store, state_backup_name(store->version), STATE_PERMANENT,
                                   plain, &damaged, &error);
    if (result != TPM_SUCCESS && result != TPM_RETRY)
        log_error("the backup does not help: %s", error.text);
    return result;
}

static void advise_restoring(const struct state_store *store, TPM_RESULT result,
                             struct error *error)
{
    error_append(error, "; the backup '%s' was not used, since it is older",
                 state_backup_name(store->version));
    if (result == TPM_DECRYPT_ERROR && store->key != NULL)
        error_append(error, "; put it in place of the state only if the key is right");
}

/* *from tells where `plain` stood; in the backup: *error says why. */
static TPM_RESULT read_permanent(struct state_store *store, struct buffer *plain,
                                 enum knowledge *from, struct error *error)
{
    bool damaged;

    *from = STORED;
    TPM_RESULT result = load_value(store, state_value_name(store->version, STATE_PERMANENT),
                                   STATE_PERMANENT, plain, &damaged, error);
    if (result == TPM_SUCCESS)
        return TPM_SUCCESS;
    *from = IN_BACKUP;
    if (damaged && store->backup && read_backup(store, plain) == TPM_SUCCESS)
        return TPM_SUCCESS;
    if (!damaged && store->backup)
        advise_restoring(store, result, error);
    return result == TPM_RETRY ? refuse_if_lost(store, error) : result;
}

static TPM_RESULT load_permanent(struct state_store *store, struct buffer *plain,
                                 struct error *error)
{
    static const struct buffer nothing;
    enum knowledge from;

    TPM_RESULT result = read_permanent(store, plain, &from, error);
    if (result == TPM_SUCCESS && from == IN_BACKUP)
        log_error("using the backup '%s', because %s", state_backup_name(store->version),
                  error->text);
    if (result == TPM_SUCCESS)
        remember_loaded(store, STATE_PERMANENT, from, plain);
    else if (result == TPM_RETRY)
        remember_loaded(store, STATE_PERMANENT, ABSENT, &nothing);
    return result;
}

/* Nobody else writes while the lock is held, and libtpms asks twice at each start. */
static TPM_RESULT copy_remembered(const struct state_store *store, enum state_type type,
                                  struct buffer *plain, struct error *error)
{
    const struct buffer *remembered = &store->remembered[type].plain;
    struct buffer copy = {0};

    if (buffer_append(&copy, remembered->data, remembered->size) != 0) {
        error_set(error, "no memory");
        name_in_error(store, state_value_name(store->version, type), error);
        return TPM_RESOURCES;
    }
    buffer_move(plain, &copy);
    return TPM_SUCCESS;
}

/* Whoever holds the lock has finished it; without the lock nobody may. */
static TPM_RESULT refuse_if_changing(struct state_store *store, struct error *error)
{
    bool pending;

    if (store->locked)
        return TPM_SUCCESS;
    int result = state_change_is_pending(store->storage, store->version, &pending, error);
    if (result == 0 && !pending)
        return TPM_SUCCESS;
    if (result == 0)
        error_set(error, "a change of its values is not finished; 'swtpm-state verify' finishes "
                         "it");
    error_prefix(error, "cannot use the state in %s: ", store->location);
    return result == 0 ? TPM_FAIL : tpm_result(result);
}

/* A TPM can do without its other states.  If the permanent state opened, it is not the key that is
 * wrong. */
static void advise_removal(const struct state_store *store, enum state_type type,
                           struct error *error)
{
    if (has_plain(&store->remembered[STATE_PERMANENT]))
        error_append(error, "; remove '%s' to start without it, as after a loss of power",
                     state_value_name(store->version, type));
}

TPM_RESULT state_store_load(struct state_store *store, enum state_type type, struct buffer *plain,
                            struct error *error)
{
    bool damaged;

    if (store->locked && has_plain(&store->remembered[type]))
        return copy_remembered(store, type, plain, error);
    TPM_RESULT result = refuse_if_changing(store, error);
    if (result != TPM_SUCCESS)
        return result;
    if (!must_stay_remembered(store, type))
        forget(store, type);
    if (type == STATE_PERMANENT)
        return load_permanent(store, plain, error);
    result = load_value(store, state_value_name(store->version, type), type, plain, &damaged,
                        error);
    if (result == TPM_SUCCESS)
        remember_loaded(store, type, STORED, plain);
    else if ((damaged && result != TPM_RETRY) || result == TPM_DECRYPT_ERROR ||
             result == TPM_BAD_VERSION)
        advise_removal(store, type, error);
    return result;
}

/* --------------------------------------------------------------------------------------- lock */

static void unlock(struct state_store *store)
{
    struct error error;

    if (storage_unlock(store->storage, &error) != 0)
        log_error("cannot unlock the state in %s: %s", store->location, error.text);
}

/* Reads as a start would: a TPM that came from the backup finds it there again.  *failure is empty,
 * or says why that failed. */
static bool is_as_remembered(struct state_store *store, bool *certain, struct error *failure)
{
    const struct remembered_state *remembered = &store->remembered[STATE_PERMANENT];
    struct buffer plain = {0};
    enum knowledge from;
    bool same;

    *certain = true;
    failure->text[0] = '\0';
    if (remembered->knowledge == UNUSED)
        return true;
    TPM_RESULT result = read_permanent(store, &plain, &from, failure);
    if (remembered->knowledge == ABSENT)
        same = result == TPM_RETRY;
    else
        same = result == TPM_SUCCESS &&
               is_plain(remembered, (struct swtpm_bytes){plain.data, plain.size});
    bool read = result == TPM_SUCCESS || result == TPM_RETRY;
    if (read)
        failure->text[0] = '\0';
    *certain = remembered->knowledge != UNCERTAIN && read;
    buffer_free(&plain);
    return same;
}

/* Whoever held the lock before may have written: the TPM must not write its older state over
 * that. */
static int check_not_overtaken(struct state_store *store, struct error *error)
{
    struct error failure;
    bool certain;

    forget(store, STATE_VOLATILE);
    forget(store, STATE_SAVE);
    if (is_as_remembered(store, &certain, &failure))
        return 0;
    error_set(error,
              "the state in %s %s changed by another process after this TPM had loaded it; "
              "INIT the TPM (swtpm_ioctl -i) to go on with what is there now",
              store->location, certain ? "was" : "may have been");
    if (failure.text[0] != '\0')
        error_append(error, "; it cannot be read: %s", failure.text);
    return -1;
}

static int finish_change(struct state_store *store, struct error *error)
{
    bool finished;

    if (state_change_finish(store->storage, store->version, store->durable, &finished, error) != 0)
        return -1;
    if (finished)
        log_info("finished the change of the state in %s that another process had begun",
                 store->location);
    return 0;
}

static int take_lock(struct state_store *store, unsigned retries, struct error *error)
{
    static const struct timespec interval = {.tv_nsec = 10 * 1000 * 1000};

    int result = storage_lock(store->storage, error);
    for (; result == SWTPM_PLUGIN_BUSY && retries > 0 && !store->waiting_refused; retries--) {
        nanosleep(&interval, NULL);
        result = storage_lock(store->storage, error);
    }
    return result == 0 ? 0 : -1;
}

int state_store_lock(struct state_store *store, unsigned retries, struct error *error)
{
    struct error ignored;

    if (store->locked)
        return 0;
    if (take_lock(store, retries, error) != 0) {
        error_prefix(error, "cannot lock the state in %s: ", store->location);
        return -1;
    }
    if (finish_change(store, error) != 0) {
        error_prefix(error, "cannot use the state in %s: ", store->location);
        storage_unlock(store->storage, &ignored);
        return -1;
    }
    if (check_not_overtaken(store, error) != 0) {
        unlock(store);
        return -1;
    }
    store->locked = true;
    return 0;
}

void state_store_allow_waiting(struct state_store *store, bool allowed)
{
    store->waiting_refused = !allowed;
}

void state_store_unlock(struct state_store *store)
{
    if (store->locked)
        unlock(store);
    store->locked = false;
}

bool state_store_is_locked(const struct state_store *store)
{
    return store->locked;
}

/* --------------------------------------------------------------------------------------- save */

/* The backup is replaced before the state, and only by one that opens: at every instant one of the
 * two is whole. */
static TPM_RESULT keep_previous(struct state_store *store, struct error *error)
{
    const char *name = state_value_name(store->version, STATE_PERMANENT);
    const char *backup = state_backup_name(store->version);
    struct buffer previous = {0};
    struct buffer plain = {0};
    int result = storage_get(store->storage, name, &previous, error);

    if (result == SWTPM_PLUGIN_NOT_FOUND || result == SWTPM_PLUGIN_CORRUPT) {
        result = 0;
        goto out;
    }
    if (result != 0)
        goto out;
    struct swtpm_bytes stored = {previous.data, previous.size};
    if (envelope_unwrap(store->key, store->version, STATE_PERMANENT, stored, &plain, error) ==
        TPM_SUCCESS)
        result = storage_put(store->storage, backup, stored, store->durable, error);
    else
        log_error("keeping the older backup '%s' in %s, because the state to be replaced does not "
                  "open: %s", backup, store->location, error->text);
out:
    if (result != 0)
        name_in_error(store, backup, error);
    buffer_free(&previous);
    buffer_free(&plain);
    return tpm_result(result);
}

static TPM_RESULT put_value(struct state_store *store, const char *name,
                            struct swtpm_bytes envelope, struct error *error)
{
    int result = storage_put(store->storage, name, envelope, store->durable, error);
    if (result == 0)
        return TPM_SUCCESS;
    name_in_error(store, name, error);
    return tpm_result(result);
}

static TPM_RESULT save_changed(struct state_store *store, enum state_type type,
                               struct swtpm_bytes plain, struct error *error)
{
    const char *name = state_value_name(store->version, type);
    struct buffer envelope = {0};

    TPM_RESULT result = envelope_wrap(store->key, store->version, type, plain, &envelope, error);
    if (result != TPM_SUCCESS)
        name_in_error(store, name, error);
    if (result == TPM_SUCCESS && type == STATE_PERMANENT && store->backup)
        result = keep_previous(store, error);
    if (result == TPM_SUCCESS)
        result = put_value(store, name, (struct swtpm_bytes){envelope.data, envelope.size}, error);
    buffer_free(&envelope);
    return result;
}

TPM_RESULT state_store_save(struct state_store *store, enum state_type type,
                            struct swtpm_bytes plain, struct error *error)
{
    const struct remembered_state *remembered = &store->remembered[type];

    /* A state that came from the backup replaces the damaged one, whether it has changed or not. */
    if (remembered->knowledge == STORED && is_plain(remembered, plain))
        return TPM_SUCCESS;
    forget(store, type);
    TPM_RESULT result = save_changed(store, type, plain, error);
    if (result == TPM_SUCCESS)
        remember(store, type, STORED, plain);
    else
        store->remembered[type].knowledge = UNCERTAIN;
    return result;
}

/* ------------------------------------------------------------------------------------- delete */

static TPM_RESULT delete_value(struct state_store *store, const char *name, struct error *error)
{
    int result = storage_delete(store->storage, name, store->durable, error);
    if (result == 0 || result == SWTPM_PLUGIN_NOT_FOUND)
        return TPM_SUCCESS;
    name_in_error(store, name, error);
    return tpm_result(result);
}

TPM_RESULT state_store_delete(struct state_store *store, enum state_type type,
                              struct error *error)
{
    TPM_RESULT result = TPM_SUCCESS;

    forget(store, type);
    /* The backup is removed first: alone it would mean that the state was lost. */
    if (type == STATE_PERMANENT)
        result = delete_value(store, state_backup_name(store->version), error);
    if (result == TPM_SUCCESS)
        result = delete_value(store, state_value_name(store->version, type), error);
    return result;
}
