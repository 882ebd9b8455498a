/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef STATE_KEY_H
#define STATE_KEY_H

#include <stdbool.h>

#include "plugin/crypto.h"
#include "util/error.h"

/*
 * Keys for states (--key) and for state blobs (--migration-key): read from a file or descriptor,
 * or derived from a passphrase (doc/state-format.md §6).  Key material lives in one locked
 * allocation that stays out of core dumps, and is wiped when freed.  A forked child does not
 * inherit the lock (mlock(2)): load keys in the process that uses them.  A key is used by one
 * thread at a time.
 */

struct state_key;

enum key_format {
    KEY_FORMAT_HEX,
    KEY_FORMAT_BINARY
};

enum key_derivation {
    KEY_DERIVATION_PBKDF2,       /* 1,000 rounds, salt "swtpm": what the original does */
    KEY_DERIVATION_SHA512,       /* first bytes of SHA-512 */
    KEY_DERIVATION_PBKDF2_STRONG /* random salt and the number of rounds stand in the state */
};

enum key_mode {
    KEY_MODE_AES_128_CBC,
    KEY_MODE_AES_256_CBC,
    KEY_MODE_AES_256_GCM
};

/* As the sub-options of --key and --migration-key say.  Strings are borrowed for the call. */
struct key_parameters {
    const char *option;       /* "--key" or "--migration-key", for messages */
    const char *file;         /* file=, or NULL */
    const char *password_file; /* pwdfile=, or NULL */
    int fd;                   /* fd=, or -1; read to its end and closed */
    int password_fd;          /* pwdfd=, or -1; likewise */
    enum key_format format;
    enum key_derivation derivation;
    enum key_mode mode;
    bool remove;              /* unlink the file once the key is loaded */
    bool require;             /* --migration-key: refuse blobs that are not encrypted */
};

/* Reads or derives the key; `crypto` must live as long as the key.  A descriptor is closed; a file
 * is removed where that was asked for, unless the key is refused.  A key file that everybody can
 * read gets a warning in the log.  0, or -1 with a message that names the option and never the
 * key. */
int state_key_load(const struct key_parameters *parameters, const struct crypto *crypto,
                   struct state_key **key, struct error *error);

/* NULL is allowed. */
void state_key_free(struct state_key *key);

#endif
