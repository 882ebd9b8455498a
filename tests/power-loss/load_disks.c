/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Opens one store after the other as a starting daemon does, and tells what is in it: storage
 * plugin, lock, the end of an interrupted change, envelope and key, all but libtpms.
 *
 * usage: load_disks PLUGIN_DIRECTORY
 *
 * Each line of standard input is a store: the version of its TPM ("1.2" or "2"), a tab, the argument
 * of --tpmstate, a tab, and the argument of --key or nothing.  For each, one line is printed: "ok"
 * and of each state its name, "=", and the SHA-256 of the plain state, or "-" if there is none; or
 * "error" and the message.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libtpms/tpm_error.h>

#include "plugin/storage_options.h"
#include "state/key_options.h"
#include "state/state_store.h"
#include "util/log.h"

enum { DIGEST_SIZE = 32, REPORT_SIZE = 512 };

struct store {
    struct storage *storage;
    struct state_store *states;
    struct state_key *key;
};

static struct plugin_search search;
static const struct crypto *crypto;

static int load_key(struct store *store, char *text, struct error *error)
{
    struct key_parameters parameters;

    if (text[0] == '\0')
        return 0;
    if (key_options_parse("--key", text, &parameters, error) != 0)
        return -1;
    return state_key_load(&parameters, crypto, &store->key, error);
}

static int open_store(struct store *store, enum tpm_version version, char *place,
                      struct error *error)
{
    struct storage_options options = storage_options_default;
    const struct storage_plugin *plugin;

    if (storage_options_parse("--tpmstate", place, &options, error) != 0 ||
        storage_load(&search, options.plugin, &plugin, error) != 0)
        return -1;
    const struct storage_parameters storage = {
        .location = options.location, .mode = options.mode, .create = true};
    if (storage_open(plugin, &storage, &store->storage, error) != 0)
        return -1;
    const struct state_store_parameters states = {
        .version = version,
        .storage = store->storage,
        .location = options.location,
        .key = store->key,
        .backup = options.backup,
    };
    if (state_store_new(&states, &store->states, error) != 0)
        return -1;
    return state_store_lock(store->states, 0, error);
}

/* Appends " NAME=DIGEST" to the report. */
static int report_state(const struct store *store, enum tpm_version version, enum state_type type,
                        char *report, struct error *error)
{
    unsigned char digest[DIGEST_SIZE];
    struct buffer plain = {0};
    size_t used = strlen(report);

    TPM_RESULT result = state_store_load(store->states, type, &plain, error);
    if (result != TPM_SUCCESS && result != TPM_RETRY)
        return -1;
    int written = snprintf(report + used, REPORT_SIZE - used, " %s=",
                           strchr(state_value_name(version, type), '.') + 1);
    used += (size_t)written;
    if (result == TPM_RETRY) {
        snprintf(report + used, REPORT_SIZE - used, "-");
        return 0;
    }
    int digested = crypto_digest(crypto, SWTPM_SHA256, (struct swtpm_bytes){plain.data, plain.size},
                                 (struct swtpm_buffer){digest, sizeof digest}, error);
    for (size_t i = 0; digested == 0 && i < sizeof digest; i++, used += 2)
        snprintf(report + used, REPORT_SIZE - used, "%02x", digest[i]);
    buffer_free(&plain);
    return digested;
}

static int report_store(struct store *store, enum tpm_version version, char *place, char *key,
                        char *report, struct error *error)
{
    if (load_key(store, key, error) != 0 || open_store(store, version, place, error) != 0)
        return -1;
    for (enum state_type type = STATE_PERMANENT; type <= STATE_SAVE; type++)
        if (report_state(store, version, type, report, error) != 0)
            return -1;
    return 0;
}

static void close_store(struct store *store)
{
    if (store->states != NULL)
        state_store_unlock(store->states);
    state_store_free(store->states);
    storage_close(store->storage);
    state_key_free(store->key);
}

static void answer(char *line)
{
    char *version = strsep(&line, "\t");
    char *place = strsep(&line, "\t");
    struct store store = {0};
    struct error error;
    char report[REPORT_SIZE] = "";

    if (line == NULL) {
        printf("error not three fields\n");
        return;
    }
    line[strcspn(line, "\n")] = '\0';
    enum tpm_version tpm = strcmp(version, "2") == 0 ? TPM_VERSION_2_0 : TPM_VERSION_1_2;
    if (report_store(&store, tpm, place, line, report, &error) == 0)
        printf("ok%s\n", report);
    else
        printf("error %s\n", error.text);
    close_store(&store);
}

int main(int argc, char **argv)
{
    /* A backup that is used is told to the log, thousands of times. */
    const struct log_parameters no_log = {.path = "-", .fd = -1};
    struct error error;
    char *line = NULL;
    size_t capacity = 0;

    if (argc != 2) {
        fprintf(stderr, "usage: load_disks PLUGIN_DIRECTORY\n");
        return EXIT_FAILURE;
    }
    search.directory = argv[1];
    if (log_open(&no_log, &error) != 0 ||
        crypto_load(&search, CRYPTO_DEFAULT_PLUGIN, &crypto, &error) != 0) {
        fprintf(stderr, "load_disks: %s\n", error.text);
        return EXIT_FAILURE;
    }
    while (getline(&line, &capacity, stdin) > 0) {
        answer(line);
        fflush(stdout);
    }
    free(line);
    return EXIT_SUCCESS;
}
