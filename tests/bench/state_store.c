/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What one store of a changed state of 10 KiB costs, durable and not, in each encryption mode, in
 * turn with the least that the medium needs for it (bare_store.h).
 *
 * usage: state_store PLUGIN_DIRECTORY DIRECTORY BACKEND ROUNDS
 *
 * PLUGIN_DIRECTORY must be an absolute path; BACKEND is dir, file or lmdb.  DIRECTORY says what
 * medium is measured; states are left there.  Prints a JSON object for each mode, microseconds:
 *   mode, durable, bytes   what is stored
 *   first_use              of the key, processor time: making it, and wrapping once
 *   wrap                   wrapping and encrypting, of each round
 *   store, bare            of each round
 *   open, write, sync, …   what of `store` these system calls took, of each round
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <libtpms/tpm_error.h>

#include "bare_store.h"
#include "clock.h"
#include "state/envelope.h"
#include "state/state_store.h"
#include "syscall_times.h"

enum { STATE_SIZE = 10 * 1024, ROUNDS_MAX = 10000, BARE_FILE_SIZE = 3 << 20 };

struct mode {
    const char *name;
    enum key_mode mode;
    enum key_derivation derivation;
    bool passphrase; /* else a key of bytes */
};

static const struct mode modes[] = {
    {"none", 0, 0, false},
    {"aes-128-cbc", KEY_MODE_AES_128_CBC, 0, false},
    {"aes-256-cbc", KEY_MODE_AES_256_CBC, 0, false},
    {"aes-256-gcm", KEY_MODE_AES_256_GCM, 0, false},
    {"aes-128-cbc, kdf=pbkdf2", KEY_MODE_AES_128_CBC, KEY_DERIVATION_PBKDF2, true},
    {"aes-256-gcm, kdf=pbkdf2-strong", KEY_MODE_AES_256_GCM, KEY_DERIVATION_PBKDF2_STRONG, true},
};

/* The bare medium; one of them is open. */
static struct {
    int fd; /* the directory or the file */
    MDB_env *environment;
    MDB_dbi records;
} bare = {.fd = -1};

static struct {
    double wrap[ROUNDS_MAX];
    double store[ROUNDS_MAX];
    double bare[ROUNDS_MAX];
    double calls[SYSCALL_KINDS][ROUNDS_MAX];
} samples;

static const char *backend;
static unsigned rounds;
static struct error error;

static void die_if(bool failed)
{
    if (!failed)
        return;
    fprintf(stderr, "state_store: %s\n", error.text);
    exit(EXIT_FAILURE);
}

static void die_if_errno(bool failed, const char *what)
{
    if (failed)
        error_set(&error, "%s: %s", what, strerror(errno));
    die_if(failed);
}

/* ------------------------------------------------------------------------------------- the key */

static int secret_fd(size_t size)
{
    static const char secret[32] = "0123456789abcdef0123456789abcdef";
    int fd = memfd_create("key", MFD_CLOEXEC);

    die_if_errno(fd < 0 || write(fd, secret, size) != (ssize_t)size || lseek(fd, 0, SEEK_SET) != 0,
                 "memfd");
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

static size_t wrap(const struct state_key *key, struct swtpm_bytes state)
{
    struct buffer envelope = {0};

    die_if(envelope_wrap(key, TPM_VERSION_2_0, STATE_PERMANENT, state, &envelope, &error) !=
           TPM_SUCCESS);
    size_t size = envelope.size;
    buffer_free(&envelope);
    return size;
}

/* -------------------------------------------------------------------------- the bare medium */

static void open_bare_lmdb(const char *path)
{
    MDB_txn *transaction;

    die_if_errno(mkdir(path, 0700) != 0 && errno != EEXIST, path);
    errno = mdb_env_create(&bare.environment);
    if (errno == 0)
        errno = mdb_env_open(bare.environment, path, MDB_NORDAHEAD | MDB_NOTLS, 0600);
    if (errno == 0)
        errno = mdb_txn_begin(bare.environment, NULL, 0, &transaction);
    if (errno == 0)
        errno = mdb_dbi_open(transaction, NULL, 0, &bare.records);
    if (errno == 0)
        errno = mdb_txn_commit(transaction);
    die_if_errno(errno != 0, path);
}

/* All of it is allocated, as it is after some stores. */
static void open_bare_file(const char *path)
{
    static const char zeros[BARE_FILE_SIZE];

    bare.fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    die_if_errno(bare.fd < 0 || write(bare.fd, zeros, sizeof zeros) != sizeof zeros ||
                     fsync(bare.fd) != 0, path);
}

static void open_bare(const char *directory)
{
    char path[4096];

    snprintf(path, sizeof path, "%s/bare-%s", directory, backend);
    if (strcmp(backend, "lmdb") == 0) {
        open_bare_lmdb(path);
    } else if (strcmp(backend, "file") == 0) {
        open_bare_file(path);
    } else {
        die_if_errno(mkdir(path, 0700) != 0 && errno != EEXIST, path);
        bare.fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        die_if_errno(bare.fd < 0, path);
    }
}

static void store_bare(size_t size, unsigned number, bool durable)
{
    static char bytes[2 * STATE_SIZE];
    int result;

    memcpy(bytes, &number, sizeof number);
    if (strcmp(backend, "lmdb") == 0)
        result = bare_store_lmdb(bare.environment, bare.records, bytes, size, durable);
    else if (strcmp(backend, "file") == 0)
        result = bare_store_file(bare.fd, bytes, size, number, durable);
    else
        result = bare_store_dir(bare.fd, bytes, size, durable);
    die_if_errno(result != 0, "bare store");
}

/* -------------------------------------------------------------------------------------- rounds */

static struct storage *open_storage(const struct plugin_search *search, const char *directory)
{
    char location[4096];
    const struct storage_parameters parameters = {
        .location = location, .mode = 0600, .create = true};
    const struct storage_plugin *plugin;
    struct storage *storage;

    snprintf(location, sizeof location, "%s/%s%s", directory, backend,
             strcmp(backend, "lmdb") == 0 ? "?tpm=bench" : "");
    die_if(storage_load(search, backend, &plugin, &error) != 0);
    die_if(storage_open(plugin, &parameters, &storage, &error) != 0);
    return storage;
}

static double since(uint64_t start)
{
    return (double)(clock_now() - start) / 1000;
}

static void run_round(unsigned number, struct state_store *store, const struct state_key *key,
                      bool durable)
{
    static uint8_t bytes[STATE_SIZE];
    const struct swtpm_bytes state = {bytes, sizeof bytes};
    uint64_t before[SYSCALL_KINDS];

    memcpy(bytes, &number, sizeof number);
    uint64_t start = clock_now();
    size_t size = wrap(key, state);
    samples.wrap[number] = since(start);

    memcpy(before, syscall_times, sizeof before);
    start = clock_now();
    die_if(state_store_save(store, STATE_PERMANENT, state, &error) != TPM_SUCCESS);
    samples.store[number] = since(start);
    for (unsigned i = 0; i < SYSCALL_KINDS; i++)
        samples.calls[i][number] = (double)(syscall_times[i] - before[i]) / 1000;

    start = clock_now();
    store_bare(size, number, durable);
    samples.bare[number] = since(start);
}

static void run_rounds(struct storage *storage, const struct state_key *key, bool durable)
{
    const struct state_store_parameters parameters = {.version = TPM_VERSION_2_0,
                                                      .storage = storage,
                                                      .location = backend,
                                                      .key = key,
                                                      .durable = durable};
    struct state_store *store;

    die_if(state_store_new(&parameters, &store, &error) != 0);
    die_if(state_store_lock(store, 0, &error) != 0);
    for (unsigned i = 0; i < rounds; i++)
        run_round(i, store, key, durable);
    state_store_unlock(store);
    state_store_free(store);
}

/* ------------------------------------------------------------------------------------- results */

static void print_samples(const char *name, const double *values)
{
    printf(", \"%s\": [", name);
    for (unsigned i = 0; i < rounds; i++)
        printf("%s%.3f", i > 0 ? ", " : "", values[i]);
    printf("]");
}

static void print_results(const struct mode *mode, bool durable, size_t size, double first_use)
{
    printf("{\"mode\": \"%s\", \"durable\": %s, \"bytes\": %zu, \"first_use\": %.1f", mode->name,
           durable ? "true" : "false", size, first_use);
    print_samples("wrap", samples.wrap);
    print_samples("store", samples.store);
    print_samples("bare", samples.bare);
    for (unsigned i = 0; i < SYSCALL_KINDS; i++)
        print_samples(syscall_kind_names[i], samples.calls[i]);
    printf("}\n");
}

/* Microseconds. */
static double processor_time(void)
{
    struct timespec time;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

static void measure(const struct mode *mode, const struct crypto *crypto, struct storage *storage)
{
    static const uint8_t zeros[STATE_SIZE];

    double start = processor_time();
    struct state_key *key = mode == &modes[0] ? NULL : make_key(mode, crypto);
    size_t size = wrap(key, (struct swtpm_bytes){zeros, sizeof zeros});
    double first_use = processor_time() - start;
    for (int durable = 0; durable <= 1; durable++) {
        run_rounds(storage, key, durable);
        print_results(mode, durable, size, first_use);
    }
    state_key_free(key);
}

int main(int argc, char **argv)
{
    if (argc != 5 || atoi(argv[4]) <= 0 || atoi(argv[4]) > ROUNDS_MAX) {
        fprintf(stderr, "usage: state_store PLUGIN_DIRECTORY DIRECTORY BACKEND ROUNDS\n");
        return EXIT_FAILURE;
    }
    const struct plugin_search search = {.directory = argv[1]};
    const struct crypto *crypto;

    backend = argv[3];
    rounds = (unsigned)atoi(argv[4]);
    die_if(crypto_load(&search, CRYPTO_DEFAULT_PLUGIN, &crypto, &error) != 0);
    struct storage *storage = open_storage(&search, argv[2]);
    open_bare(argv[2]);
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        measure(&modes[i], crypto, storage);
    storage_close(storage);
    return EXIT_SUCCESS;
}
