/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Many TPMs in one LMDB environment: makes them, lets a crowd of processes write to some while
 * others of the crowd are killed, looks whether every acknowledged write is there, and whether the
 * file stays as large as it is.  Prints figures; the exit status is 0 if nothing was lost.
 *
 * usage: storage_crowd PLUGIN_DIRECTORY ENVIRONMENT TPMS WRITERS SECONDS OVERWRITES
 *
 * PLUGIN_DIRECTORY must be an absolute path.  TPMs are called vm0, vm1 and so on.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "plugin/storage.h"

/* What a TPM 2 stores when something in it has changed. */
enum { STATE_SIZE = 6 * 1024, KILL_INTERVAL_MS = 20 };

struct crowd {
    const struct storage_plugin *plugin;
    const char *environment;
    unsigned tpms;
    unsigned writers;
    /* Shared with the writers, one of each for each TPM. */
    volatile uint64_t *acknowledged; /* number of the last write that storage_put acknowledged */
    volatile uint64_t *begun;        /* number of the last write that was begun */
};

static struct error error;

static void die_if(bool failed)
{
    if (!failed)
        return;
    fprintf(stderr, "storage_crowd: %s\n", error.text);
    _exit(EXIT_FAILURE);
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static volatile uint64_t *shared_numbers(unsigned count)
{
    void *memory = mmap(NULL, count * sizeof(uint64_t), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        error_set(&error, "mmap: %s", strerror(errno));
    die_if(memory == MAP_FAILED);
    return memory;
}

static struct storage *open_tpm(const struct crowd *crowd, unsigned tpm)
{
    char location[4096];
    struct storage *storage = NULL;
    const struct storage_parameters parameters = {
        .location = location, .mode = 0600, .create = true};

    snprintf(location, sizeof location, "%s?tpm=vm%u", crowd->environment, tpm);
    die_if(storage_open(crowd->plugin, &parameters, &storage, &error) != 0);
    return storage;
}

/* A state that says which write of which TPM it is, over and over. */
static int put(const struct crowd *crowd, struct storage *storage, unsigned tpm, uint64_t number,
               bool durable)
{
    static uint64_t state[STATE_SIZE / sizeof(uint64_t)];

    for (size_t i = 0; i < sizeof state / sizeof state[0]; i++)
        state[i] = number * 1000003 + tpm;
    crowd->begun[tpm] = number;
    int result =
        storage_put(storage, "permall", (struct swtpm_bytes){state, sizeof state}, durable, &error);
    if (result == 0)
        crowd->acknowledged[tpm] = number;
    return result;
}

/* The number of the write that is stored; dies if it is not whole. */
static uint64_t stored_number(const struct crowd *crowd, unsigned tpm)
{
    struct buffer value = {0};
    struct storage *storage = open_tpm(crowd, tpm);
    uint64_t first;
    uint64_t word;

    die_if(storage_get(storage, "permall", &value, &error) != 0);
    storage_close(storage);
    error_set(&error, "vm%u is not whole", tpm);
    die_if(value.size != STATE_SIZE);
    memcpy(&first, value.data, sizeof first);
    for (size_t i = 0; i < value.size; i += sizeof word) {
        memcpy(&word, value.data + i, sizeof word);
        die_if(word != first);
    }
    die_if(first % 1000003 != tpm);
    buffer_free(&value);
    return first / 1000003;
}

static long long file_size(const struct crowd *crowd)
{
    char path[4096];
    struct stat status = {0};

    snprintf(path, sizeof path, "%s/data.mdb", crowd->environment);
    stat(path, &status);
    return (long long)status.st_size;
}

/* --------------------------------------------------------------------------------------- phases */

static void make_all(const struct crowd *crowd)
{
    double start = now();

    for (unsigned tpm = 0; tpm < crowd->tpms; tpm++) {
        struct storage *storage = open_tpm(crowd, tpm);
        die_if(put(crowd, storage, tpm, 1, true) != 0);
        storage_close(storage);
    }
    printf("%u TPMs made in %.1f s; %.1f MiB\n", crowd->tpms, now() - start,
           (double)file_size(crowd) / (1 << 20));
}

static pid_t start_writer(const struct crowd *crowd, unsigned tpm)
{
    pid_t writer = fork();

    if (writer != 0)
        return writer;
    /* Where the crowd ends early, nobody would stop it. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    struct storage *storage = open_tpm(crowd, tpm);
    die_if(storage_lock(storage, &error) != 0);
    for (uint64_t number = crowd->begun[tpm] + 1;; number++)
        die_if(put(crowd, storage, tpm, number, true) != 0);
}

static void reap_killed(pid_t writer)
{
    int status;

    waitpid(writer, &status, 0);
    error_set(&error, "a writer ended by itself");
    die_if(!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL);
}

static uint64_t sum(const struct crowd *crowd)
{
    uint64_t total = 0;

    for (unsigned tpm = 0; tpm < crowd->tpms; tpm++)
        total += crowd->acknowledged[tpm];
    return total;
}

/* The place of a writer that was killed is taken by one for the next TPM. */
static void write_and_kill(const struct crowd *crowd, double seconds)
{
    pid_t *writers = calloc(crowd->writers, sizeof *writers);
    unsigned next = 0;
    unsigned killed = 0;
    uint64_t before = sum(crowd);
    double start = now();

    for (unsigned i = 0; writers != NULL && i < crowd->writers; i++)
        writers[i] = start_writer(crowd, next++ % crowd->tpms);
    while (writers != NULL && now() - start < seconds) {
        usleep(KILL_INTERVAL_MS * 1000);
        unsigned victim = (unsigned)rand() % crowd->writers;
        kill(writers[victim], SIGKILL);
        reap_killed(writers[victim]);
        killed++;
        writers[victim] = start_writer(crowd, next++ % crowd->tpms);
    }
    double elapsed = now() - start;
    for (unsigned i = 0; writers != NULL && i < crowd->writers; i++) {
        kill(writers[i], SIGKILL);
        reap_killed(writers[i]);
    }
    free(writers);
    printf("%u writers at once, %u killed meanwhile: %.0f durable writes a second\n",
           crowd->writers, killed, (double)(sum(crowd) - before) / elapsed);
}

static void verify_all(const struct crowd *crowd)
{
    for (unsigned tpm = 0; tpm < crowd->tpms; tpm++) {
        uint64_t stored = stored_number(crowd, tpm);
        error_set(&error, "vm%u: write %llu was acknowledged, write %llu is stored", tpm,
                  (unsigned long long)crowd->acknowledged[tpm], (unsigned long long)stored);
        die_if(stored < crowd->acknowledged[tpm] || stored > crowd->begun[tpm]);
    }
    printf("every acknowledged write is there\n");
}

static void overwrite(const struct crowd *crowd, unsigned count)
{
    enum { OPEN = 16, WARM_UP = 200 };
    struct storage *storages[OPEN];
    long long size = 0;
    double start = now();

    for (unsigned i = 0; i < OPEN; i++)
        storages[i] = open_tpm(crowd, i);
    for (unsigned i = 0; i < WARM_UP + count; i++) {
        unsigned tpm = i % OPEN;
        if (i == WARM_UP) {
            size = file_size(crowd);
            start = now();
        }
        die_if(put(crowd, storages[tpm], tpm, crowd->begun[tpm] + 1, true) != 0);
    }
    double elapsed = now() - start;
    for (unsigned i = 0; i < OPEN; i++)
        storage_close(storages[i]);
    long long grown = file_size(crowd) - size;
    printf("%u overwrites by one process: %.0f a second; the file has %.1f MiB and grew by %lld "
           "bytes\n",
           count, count / elapsed, (double)size / (1 << 20), grown);
    error_set(&error, "the file grew by %lld bytes", grown);
    die_if(grown > 0);
}

int main(int argc, char **argv)
{
    if (argc != 7) {
        fprintf(stderr, "usage: storage_crowd PLUGIN_DIRECTORY ENVIRONMENT TPMS WRITERS SECONDS "
                        "OVERWRITES\n");
        return 2;
    }
    struct plugin_search search = {.directory = argv[1]};
    struct crowd crowd = {.environment = argv[2],
                          .tpms = (unsigned)atoi(argv[3]),
                          .writers = (unsigned)atoi(argv[4])};

    setvbuf(stdout, NULL, _IONBF, 0);
    crowd.acknowledged = shared_numbers(crowd.tpms);
    crowd.begun = shared_numbers(crowd.tpms);
    die_if(storage_load(&search, "lmdb", &crowd.plugin, &error) != 0);
    make_all(&crowd);
    if (crowd.writers > 0) {
        write_and_kill(&crowd, atof(argv[5]));
        verify_all(&crowd);
    }
    if (atoi(argv[6]) > 0) {
        overwrite(&crowd, (unsigned)atoi(argv[6]));
        verify_all(&crowd);
    }
    return EXIT_SUCCESS;
}
