/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What one store of a state of 10 KiB costs in each mode: prints the table of doc/state-format.md.
 *
 * usage: build/release/tests/bench/state_store PLUGIN_DIRECTORY STATE_DIRECTORY
 *
 * PLUGIN_DIRECTORY must be an absolute path.  STATE_DIRECTORY says what medium is measured; a state
 * is left there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <libtpms/tpm_error.h>

#include "state/envelope.h"
#include "state/state_store.h"

enum {
    STATE_SIZE = 10 * 1024,
    ROUNDS = 500
};

/* Of each round, in microseconds: the median keeps what else the machine does out of the table. */
struct samples {
    double took[ROUNDS];
};

struct mode {
    const char *name;
    enum key_mode mode;
    enum key_derivation derivation;
    bool passphrase; /* else a key of bytes */
};

static const struct mode modes[] = {
    {"no key", 0, 0, false},
    {"aes-128-cbc", KEY_MODE_AES_128_CBC, 0, false},
    {"aes-256-cbc", KEY_MODE_AES_256_CBC, 0, false},
    {"aes-256-gcm", KEY_MODE_AES_256_GCM, 0, false},
    {"aes-128-cbc, kdf=pbkdf2", KEY_MODE_AES_128_CBC, KEY_DERIVATION_PBKDF2, true},
    {"aes-256-gcm, kdf=pbkdf2-strong", KEY_MODE_AES_256_GCM, KEY_DERIVATION_PBKDF2_STRONG, true},
};

static struct error error;

static void die_if(bool failed)
{
    if (!failed)
        return;
    fprintf(stderr, "state_store: %s\n", error.text);
    exit(EXIT_FAILURE);
}

/* Microseconds. */
static double read_clock(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

static double now(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

static int secret_fd(size_t size)
{
    static const char secret[32] = "0123456789abcdef0123456789abcdef";
    int fd = memfd_create("key", MFD_CLOEXEC);
    die_if(fd < 0 || write(fd, secret, size) != (ssize_t)size || lseek(fd, 0, SEEK_SET) != 0);
    return fd;
}

static struct state_key *make_key(const struct mode *mode, const struct crypto *crypto)
{
    int fd = secret_fd(mode->mode == KEY_MODE_AES_128_CBC ? 16 : 32);
    const struct key_parameters parameters = {.option = "--key",
                                              .fd = mode->passphrase ? -1 : fd,
                                              .password_fd = mode->passphrase ? fd : -1,
                                              .format = KEY_FORMAT_BINARY,
                                              .derivation = mode->derivation,
                                              .mode = mode->mode};
    struct state_key *key;

    die_if(state_key_load(&parameters, crypto, &key, &error) != 0);
    return key;
}

static int compare(const void *left, const void *right)
{
    const double *a = left;
    const double *b = right;
    return (*a > *b) - (*a < *b);
}

static double median(struct samples *samples)
{
    qsort(samples->took, ROUNDS, sizeof samples->took[0], compare);
    return samples->took[ROUNDS / 2];
}

static double measure_wrap(const struct state_key *key, struct swtpm_bytes state)
{
    struct samples samples;
    struct buffer envelope = {0};

    for (unsigned i = 0; i < ROUNDS; i++) {
        double start = now();
        die_if(envelope_wrap(key, TPM_VERSION_2_0, STATE_PERMANENT, state, &envelope, &error) !=
               TPM_SUCCESS);
        samples.took[i] = now() - start;
    }
    buffer_free(&envelope);
    return median(&samples);
}

/* Of a state that has changed. */
static double measure_store(struct storage *storage, const struct state_key *key, bool durable)
{
    static uint8_t bytes[STATE_SIZE];
    const struct state_store_parameters parameters = {.version = TPM_VERSION_2_0,
                                                      .storage = storage,
                                                      .location = "bench",
                                                      .key = key,
                                                      .durable = durable};
    struct samples samples;
    struct state_store *store;

    die_if(state_store_new(&parameters, &store, &error) != 0);
    die_if(state_store_lock(store, 0, &error) != 0);
    for (unsigned i = 0; i < ROUNDS; i++) {
        memcpy(bytes, &i, sizeof i);
        double start = now();
        die_if(state_store_save(store, STATE_PERMANENT,
                                (struct swtpm_bytes){bytes, sizeof bytes},
                                &error) != TPM_SUCCESS);
        samples.took[i] = now() - start;
    }
    state_store_unlock(store);
    state_store_free(store);
    return median(&samples);
}

static void measure(const struct mode *mode, const struct crypto *crypto, struct storage *storage)
{
    static uint8_t bytes[STATE_SIZE];
    const struct swtpm_bytes state = {bytes, sizeof bytes};
    bool plain = mode == &modes[0];
    struct buffer envelope = {0};

    double start = read_clock(CLOCK_PROCESS_CPUTIME_ID);
    struct state_key *key = plain ? NULL : make_key(mode, crypto);
    die_if(envelope_wrap(key, TPM_VERSION_2_0, STATE_PERMANENT, state, &envelope, &error) !=
           TPM_SUCCESS);
    double first = read_clock(CLOCK_PROCESS_CPUTIME_ID) - start;
    double wrap = measure_wrap(key, state);
    double volatile_store = measure_store(storage, key, false);
    double durable_store = measure_store(storage, key, true);
    printf("| %s | %zu | %.2f | %.1f | %.0f | %.0f |\n", mode->name, envelope.size, first / 1000,
           wrap, volatile_store, durable_store);
    buffer_free(&envelope);
    state_key_free(key);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: state_store PLUGIN_DIRECTORY STATE_DIRECTORY\n");
        return EXIT_FAILURE;
    }
    const struct plugin_search search = {.directory = argv[1]};
    const struct storage_parameters parameters = {.location = argv[2], .mode = 0600,
                                                  .create = true};
    const struct storage_plugin *plugin;
    const struct crypto *crypto;
    struct storage *storage;

    die_if(crypto_load(&search, CRYPTO_DEFAULT_PLUGIN, &crypto, &error) != 0);
    die_if(storage_load(&search, "dir", &plugin, &error) != 0);
    die_if(storage_open(plugin, &parameters, &storage, &error) != 0);
    printf("| mode | bytes stored | first use, ms | wrap, µs | store, fsync=false, µs "
           "| store, durable, µs |\n|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        measure(&modes[i], crypto, storage);
    storage_close(storage);
    return EXIT_SUCCESS;
}
