/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stores in which a change of several values was left unfinished, and journals from hostile hands
 * (libFuzzer).  The input says which values a store holds.  Finishing leaves no change behind, does
 * nothing the second time, and gives the same if it was interrupted at any step and begun again.
 */
#include "fuzz.h"
#include "state/state_change.h"
#include "state/state_listing.h"
#include "unit/fake_storage.h"

enum { VALUES = STATE_VALUES, ALL = 2 * VALUES + 1 };

static const enum tpm_version version = TPM_VERSION_2_0;
static char names[ALL][STATE_STAGED_NAME_SIZE]; /* values, staged values, journal */

static void make_names(void)
{
    for (size_t i = 0; i < VALUES; i++) {
        strcpy(names[i], state_value_name_at(version, i));
        state_staged_name(names[i], names[VALUES + i]);
    }
    strcpy(names[2 * VALUES], state_journal_name(version));
}

/* The journal has the rest of the input: a fuzzer is to write one. */
static void fill(struct storage *storage, struct input input)
{
    uint16_t present = input_16(&input);

    for (size_t i = 0; i < ALL - 1; i++) {
        uint8_t value[4] = {'v', (uint8_t)i};
        if (present >> i & 1)
            fake_storage_poke(storage, names[i], value, present >> 12 & 1 ? sizeof value : 0);
    }
    if (present >> (ALL - 1) & 1)
        fake_storage_poke(storage, names[ALL - 1], input.data, input.size);
}

static bool is_there(const struct storage *storage, size_t index)
{
    bool exists;
    fake_storage_peek(storage, names[index], &exists);
    return exists;
}

static void must_be_equal(const struct storage *a, const struct storage *b)
{
    for (size_t i = 0; i < ALL; i++) {
        bool in_a, in_b;
        struct swtpm_bytes first = fake_storage_peek(a, names[i], &in_a);
        struct swtpm_bytes second = fake_storage_peek(b, names[i], &in_b);
        MUST(in_a == in_b && first.size == second.size);
        MUST(first.size == 0 || memcmp(first.data, second.data, first.size) == 0);
    }
}

static void check_listing(struct storage *storage)
{
    struct state_listing listing;
    struct error error;

    MUST(state_listing_read(storage, version, &listing, &error) == 0);
    MUST(listing.state[STATE_PERMANENT].exists == is_there(storage, 0));
}

/* What is there once the change is finished, or why it cannot be. */
static int finish(struct storage *storage)
{
    bool pending, finished = false;
    struct error error = {""};

    MUST(state_change_is_pending(storage, version, &pending, &error) == 0);
    MUST(pending == is_there(storage, ALL - 1));
    int result = state_change_finish(storage, version, true, &finished, &error);
    if (result != 0) {
        MUST(result == SWTPM_PLUGIN_CORRUPT && pending && error.text[0] != '\0');
        MUST(fake_storage_changes(storage) == 0);
        return result;
    }
    MUST(finished == pending && !is_there(storage, ALL - 1));
    MUST(state_change_finish(storage, version, true, &finished, &error) == 0 && !finished);
    return 0;
}

static void finish_interrupted(struct input input, unsigned after, const struct storage *wanted)
{
    struct storage *storage = fake_storage_new();
    struct error error;
    bool finished;

    fill(storage, input);
    fake_storage_break(storage, after, SWTPM_PLUGIN_IO);
    int result = state_change_finish(storage, version, true, &finished, &error);
    fake_storage_break(storage, 0, 0);
    if (result != 0)
        MUST(state_change_finish(storage, version, true, &finished, &error) == 0);
    /* What a first attempt left staged and no journal speaks of is swept away by the next. */
    MUST(state_change_finish(storage, version, true, &finished, &error) == 0);
    must_be_equal(storage, wanted);
    fake_storage_free(storage);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct input input = {data, size};
    struct storage *storage = fake_storage_new();

    make_names();
    fill(storage, input);
    check_listing(storage);
    int result = finish(storage);
    check_listing(storage);
    unsigned changes = fake_storage_changes(storage);
    for (unsigned i = 0; i < changes && result == 0; i++)
        finish_interrupted(input, i, storage);
    fake_storage_free(storage);
    return 0;
}
