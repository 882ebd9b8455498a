/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fills a store with many TPMs, and measures what a store of one of them costs.
 *
 *   crowded_store PLUGIN_DIRECTORY PLUGIN LOCATION fill FIRST END FILE
 *   crowded_store PLUGIN_DIRECTORY PLUGIN LOCATION put ROUNDS
 *   crowded_store PLUGIN_DIRECTORY PLUGIN LOCATION open ROUNDS
 *
 * LOCATION is what the plugin is to open; with `fill` the first "@" in it becomes a number, FIRST
 * and up, below END.  The value put there is FILE's contents under FILE's name, not synced.
 *
 * `put` stores a changing value of 6 KiB, alternately durable and not, ROUNDS times each, and
 * prints both medians in nanoseconds; `open` does so with the opening of the store by the only
 * process that uses it.  PLUGIN_DIRECTORY is an absolute path.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "plugin/storage.h"

enum { VALUE_MAX = 64 * 1024, PUT_SIZE = 6 * 1024, ROUNDS_MAX = 100000 };

static struct error error;

static void die_if(bool failed)
{
    if (!failed)
        return;
    fprintf(stderr, "crowded_store: %s\n", error.text);
    exit(EXIT_FAILURE);
}

static struct storage *open_location(const struct storage_plugin *plugin, const char *location)
{
    const struct storage_parameters parameters = {
        .location = location, .mode = 0600, .create = true};
    struct storage *storage = NULL;

    die_if(storage_open(plugin, &parameters, &storage, &error) != 0);
    return storage;
}

/* ---------------------------------------------------------------------------------------- fill */

static size_t read_file(const char *path, void *to, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd >= 0 ? read(fd, to, size) : -1;

    error_set(&error, "%s: %s", path, strerror(errno));
    die_if(got <= 0 || (size_t)got == size);
    close(fd);
    return (size_t)got;
}

static void put_number(char *to, size_t size, const char *format, unsigned number)
{
    const char *place = strchr(format, '@');

    error_set(&error, "'%s' has no @", format);
    die_if(place == NULL);
    snprintf(to, size, "%.*s%u%s", (int)(place - format), format, number, place + 1);
}

static void fill(const struct storage_plugin *plugin, const char *format, char **arguments)
{
    static uint8_t bytes[VALUE_MAX];
    struct swtpm_bytes value = {bytes, read_file(arguments[2], bytes, sizeof bytes)};
    const char *name = basename(arguments[2]);
    unsigned end = (unsigned)atoi(arguments[1]);
    char location[4096];

    for (unsigned number = (unsigned)atoi(arguments[0]); number < end; number++) {
        put_number(location, sizeof location, format, number);
        struct storage *storage = open_location(plugin, location);
        die_if(storage_put(storage, name, value, false, &error) != 0);
        storage_close(storage);
    }
}

/* ----------------------------------------------------------------------------------------- put */

static long long now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static int compare(const void *left, const void *right)
{
    const long long *a = left;
    const long long *b = right;

    return (*a > *b) - (*a < *b);
}

static long long median(long long *took, unsigned count)
{
    qsort(took, count, sizeof *took, compare);
    return took[count / 2];
}

static long long put_once(struct storage *storage, unsigned number, bool durable)
{
    static uint8_t bytes[PUT_SIZE];
    long long start = now();

    memcpy(bytes, &number, sizeof number);
    die_if(storage_put(storage, "bench", (struct swtpm_bytes){bytes, sizeof bytes}, durable,
                       &error) != 0);
    return now() - start;
}

static void put(const struct storage_plugin *plugin, const char *location, unsigned rounds)
{
    static long long took[2][ROUNDS_MAX];
    struct storage *storage = open_location(plugin, location);

    for (unsigned i = 0; i < rounds; i++) {
        took[0][i] = put_once(storage, 2 * i, true);
        took[1][i] = put_once(storage, 2 * i + 1, false);
    }
    die_if(storage_delete(storage, "bench", false, &error) != 0);
    storage_close(storage);
    printf("%lld %lld\n", median(took[0], rounds), median(took[1], rounds));
}

static void open_and_close(const struct storage_plugin *plugin, const char *location,
                           unsigned rounds)
{
    static long long took[ROUNDS_MAX];

    for (unsigned i = 0; i < rounds; i++) {
        long long start = now();
        struct storage *storage = open_location(plugin, location);
        took[i] = now() - start;
        storage_close(storage);
    }
    printf("%lld\n", median(took, rounds));
}

static unsigned rounds_from_text(const char *text)
{
    int rounds = atoi(text);

    error_set(&error, "between 1 and %d rounds", ROUNDS_MAX);
    die_if(rounds < 1 || rounds > ROUNDS_MAX);
    return (unsigned)rounds;
}

int main(int argc, char **argv)
{
    const struct plugin_search search = {.directory = argc > 2 ? argv[1] : NULL};
    const struct storage_plugin *plugin;
    bool fills = argc == 8 && strcmp(argv[4], "fill") == 0;
    bool opens = argc == 6 && strcmp(argv[4], "open") == 0;

    if (!fills && !opens && (argc != 6 || strcmp(argv[4], "put") != 0)) {
        fprintf(stderr, "usage: crowded_store PLUGIN_DIRECTORY PLUGIN LOCATION "
                        "fill FIRST END FILE | put ROUNDS | open ROUNDS\n");
        return 2;
    }
    die_if(storage_load(&search, argv[2], &plugin, &error) != 0);
    if (fills)
        fill(plugin, argv[3], argv + 5);
    else if (opens)
        open_and_close(plugin, argv[3], rounds_from_text(argv[5]));
    else
        put(plugin, argv[3], rounds_from_text(argv[5]));
    return EXIT_SUCCESS;
}
