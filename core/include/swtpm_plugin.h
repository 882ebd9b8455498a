/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SWTPM_PLUGIN_H
#define SWTPM_PLUGIN_H

/*
 * The plugin interface of swtpm_cuse: what a storage or crypto plugin is, what the host promises
 * to it and what it promises to the host.  This header is all that a plugin needs; it depends on
 * nothing but <stddef.h> and <stdint.h>, and compiles alone as C11 and as C++.
 *
 * A sentence with a mark such as [S1] binds the plugin; swtpm-plugin-check(1) tests each of them
 * and calls it by that number.  The numbers are never used again for something else.
 *
 * THE PLUGIN FILE
 *   [S1] A plugin is a shared object named `KIND-NAME.so`: `storage-dir.so`, `crypto-gnutls.so`.
 *   NAME matches [a-z0-9][a-z0-9-]{0,30}.  [S2] It exports exactly one symbol, the constant
 *
 *       const struct swtpm_plugin swtpm_plugin = { ... };
 *
 *   It is data, not a function, so that the host can check it before any op of the plugin runs.
 *   The host loads it with RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE.  [S3] A plugin resolves no
 *   symbol from the host.  [S4] It is linked with -z relro -z now, needs no text relocations and no
 *   executable stack.
 *
 * LIFE CYCLE
 *   load   As the user who started the host (often root), before the host forks.
 *          [S5] Constructors must start no thread, open no file and change no process state.
 *   open   After the last fork, after privileges were dropped, before the sandbox closes.  All
 *          that the plugin will need later (descriptors, memory maps, threads) it gets here.
 *   ops    With the sandbox closed: [S6] the system calls listed in `system_calls` and those every
 *          host allows (SWTPM_HOST_SYSTEM_CALLS), [S7] on the paths announced in `open`.
 *   close  Exactly once for each successful open.  The shared object stays loaded until the
 *          process ends.
 *
 * THREADS
 *   [S8] A host calls from any thread, but never from two at once with the same handle.
 *   [S9] Different handles may be in use at once.  [S10] No transaction, lock of the plugin's own
 *   or thread identity may outlive a call (the lock that `lock` takes belongs to the handle, not to
 *   a thread).  [S11] Crypto ops carry no handle: they may run on several threads at once.
 *
 * OWNERSHIP
 *   No allocation crosses the boundary: all inputs and outputs live in the caller's memory, and
 *   [S12] all pointers that the host passes are valid for the duration of the call only.  A plugin
 *   that needs a string later copies it.
 *
 * ERRORS
 *   [S13] Each op that can fail returns 0 or one of the negative codes of enum
 *   swtpm_plugin_result, and no other value.  [S14] On failure it writes a message to `error`
 *   (never NULL), in which it names the object (path, value name), what went wrong and, where it
 *   knows, what to do.  No trailing newline, no secret.  [S15] All other outputs stay untouched on
 *   failure.
 *
 * MANNERS
 *   [S16] A plugin never exits, aborts, prints, logs, changes umask, signal dispositions, locale,
 *   environment, working directory or credentials.  [S17] It opens files with O_CLOEXEC, [S18]
 *   never follows a symbolic link in the last component of a path that it makes, and [S19] leaves
 *   no descriptor behind after close.
 *
 * GROWTH
 *   Fields are appended to the structures below and never moved or given a new meaning.  The host
 *   reads `ops_size`, copies the smaller of that size and its own into zeroed memory, and treats a
 *   NULL op as absent.  SWTPM_PLUGIN_ABI changes only when the meaning of something existing has
 *   to change; a host goes on loading the ABI before its own.
 */

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* "SWTPMPLG" as a big-endian number; the first field of every descriptor. */
#define SWTPM_PLUGIN_MAGIC UINT64_C(0x535754504d504c47)

/* The ABI that this header describes. */
#define SWTPM_PLUGIN_ABI UINT32_C(1)

/*
 * What every op may call in the closed sandbox without naming it: memory (brk, mmap without
 * PROT_EXEC, mremap, munmap, madvise), futex, read, write, readv, writev, pread64, pwrite64,
 * close, fstat/newfstatat on open descriptors, lseek, clock_gettime, getpid, gettid, getrandom,
 * rt_sigprocmask, rt_sigreturn.  Everything else stands in `system_calls`; so does newfstatat if it
 * is used with a path.
 */
#define SWTPM_HOST_SYSTEM_CALLS                                                                    \
    "brk", "mmap", "mremap", "munmap", "madvise", "futex", "read", "write", "readv", "writev",     \
        "pread64", "pwrite64", "close", "fstat", "newfstatat", "lseek", "clock_gettime", "getpid", \
        "gettid", "getrandom", "rt_sigprocmask", "rt_sigreturn"

/* Longest value name, in bytes without the final NUL.  [S20] Names match
 * [a-z0-9][a-z0-9.-]{0,62}: never ".", ".." or a hidden file. */
#define SWTPM_STORAGE_NAME_MAX 63

/* [S21] Largest value, in bytes (16 MiB).  The smallest has 0 bytes. */
#define SWTPM_STORAGE_VALUE_MAX (UINT32_C(16) << 20)

/* Results of all ops.  The numbers are part of the ABI. */
enum swtpm_plugin_result {
    SWTPM_PLUGIN_OK = 0,
    /* [S22] There is no value of that name (get, del), or no store and it may not be made
     * (open). */
    SWTPM_PLUGIN_NOT_FOUND = -1,
    /* The caller's buffer is smaller than the value. */
    SWTPM_PLUGIN_TOO_SMALL = -2,
    /* Another process holds the lock; trying again later may succeed. */
    SWTPM_PLUGIN_BUSY = -3,
    /* Permission: EACCES, EPERM, EROFS, a link where a file was expected. */
    SWTPM_PLUGIN_DENIED = -4,
    /* [S23] The medium, a quota or a configured limit is exhausted. */
    SWTPM_PLUGIN_NO_SPACE = -5,
    /* What is stored contradicts itself; trying again will not help. */
    SWTPM_PLUGIN_CORRUPT = -6,
    /* This plugin, medium or library cannot do what was asked. */
    SWTPM_PLUGIN_UNSUPPORTED = -7,
    /* [S24] The process gets no more memory. */
    SWTPM_PLUGIN_NO_MEMORY = -8,
    /* [S25] The medium failed (EIO and everything that has no better name). */
    SWTPM_PLUGIN_IO = -9,
    /* [S26] An argument breaks this contract: bad name, size over the limit, malformed location. */
    SWTPM_PLUGIN_INVALID = -10,
    /* Somebody else owns this state now: the lock was lost or the store was taken over.  The host
     * stops using the handle for anything but close. */
    SWTPM_PLUGIN_FENCED = -11
};

/* Room for one message; always NUL-terminated by who writes it.  Owned by the caller. */
#define SWTPM_PLUGIN_ERROR_SIZE 512

struct swtpm_plugin_error {
    char message[SWTPM_PLUGIN_ERROR_SIZE];
};

/* Read-only bytes.  `data` may be NULL only if `size` is 0. */
struct swtpm_bytes {
    const void *data;
    size_t size;
};

/* Writable bytes of the caller: exactly `size` of them. */
struct swtpm_buffer {
    void *data;
    size_t size;
};

enum swtpm_plugin_kind {
    SWTPM_PLUGIN_STORAGE = 1,
    SWTPM_PLUGIN_CRYPTO = 2
};

/* ------------------------------------------------------------------------------ storage ------ */

/* A handle; its definition is the plugin's own. */
struct swtpm_storage;

/* Bits of swtpm_storage_ops.capabilities.  Bits that a host does not know it ignores;
 * [S27] those above bit 31 are 0. */
enum swtpm_storage_capability {
    /* [S28] put and del with SWTPM_STORAGE_DURABLE survive power loss once they have returned.
     * Without this bit the host refuses to start unless its user switched durability off. */
    SWTPM_STORAGE_CAN_BE_DURABLE = 1,
    /* [S29] lock excludes other processes.  Without this bit the host refuses to start unless its
     * user switched locking off. */
    SWTPM_STORAGE_CAN_LOCK = 2
};

/* Bits of swtpm_storage_parameters.flags. */
enum swtpm_storage_open_flag {
    /* [S30] The store may be made if it does not exist (a directory only beneath an existing
     * one). */
    SWTPM_STORAGE_CREATE = 1,
    /* Only get and list will follow; [S31] nothing on the medium may change, not even a lock file.
     * [S32] lock, put and del return DENIED.  [S33] Wins over CREATE. */
    SWTPM_STORAGE_READ_ONLY = 2
};

/* Bits of the flags of put and del. */
enum swtpm_storage_write_flag {
    /* Returns only when the change survives power loss, the directory entry included. */
    SWTPM_STORAGE_DURABLE = 1
};

/* Bits of the access that a plugin announces for a path. */
enum swtpm_path_access {
    SWTPM_PATH_READ = 1,
    /* Write, and make, rename and remove entries if the path is a directory. */
    SWTPM_PATH_WRITE = 2
};

struct swtpm_storage_parameters {
    /* What followed `NAME://` in the URI, or the argument of dir=; not decoded, never NULL. */
    const char *location;
    /* [S34] Permission bits for files that the plugin makes, at most 0777; not subject to
     * umask. */
    uint32_t mode;
    /* enum swtpm_storage_open_flag */
    uint32_t flags;
    /*
     * To be called during open, once for each existing file or directory that later ops will
     * open by path, with enum swtpm_path_access.  Descriptors opened during open need no
     * announcement.  [S35] Returns 0, or a code that open must return.
     */
    int (*announce_path)(void *context, const char *path, uint32_t access);
    /* First argument of announce_path. */
    void *context;
};

/* Called by list for each value.  `name` lives for the call.  Returns 0 to go on; [S36] any other
 * value ends the listing, and list returns it. */
typedef int (*swtpm_storage_visitor)(void *context, const char *name, uint64_t size);

/* Called by list_stores for each store.  `location` lives for the call.  Returns 0 to go on; [S63]
 * any other value ends the enumeration, and list_stores returns it. */
typedef int (*swtpm_store_visitor)(void *context, const char *location);

struct swtpm_storage_ops {
    /* enum swtpm_storage_capability */
    uint64_t capabilities;

    /* Opens the store at parameters->location and sets *storage.  [S37] Takes no lock. */
    int (*open)(struct swtpm_storage **storage, const struct swtpm_storage_parameters *parameters,
                struct swtpm_plugin_error *error);

    /* [S38] Releases the lock, if held, and everything that open acquired.  Cannot fail. */
    void (*close)(struct swtpm_storage *storage);

    /* [S39] One immediate try to become the only holder of this store among all processes and
     * handles; the host does the retrying.  [S40] BUSY if somebody else holds it, with the holder's
     * pid in the message where it can be known.  [S41] Taking it twice with one handle succeeds.
     * [S42] The lock is released by unlock, by close and by the death of the process.  (A host
     * that forked with an open handle would share the lock with its child; it does not.) */
    int (*lock)(struct swtpm_storage *storage, struct swtpm_plugin_error *error);

    /* Gives the lock back.  [S43] Succeeds if it is not held. */
    int (*unlock)(struct swtpm_storage *storage, struct swtpm_plugin_error *error);

    /* [S44] Copies the whole value into `buffer` and sets *size to its size.  [S45] With a buffer
     * of size 0 it only sets *size and succeeds, whatever the value's size.  [S46] TOO_SMALL if the
     * value is larger than a buffer of another size. */
    int (*get)(struct swtpm_storage *storage, const char *name, struct swtpm_buffer buffer,
               size_t *size, struct swtpm_plugin_error *error);

    /* [S47] Stores or replaces a value.  [S48] After a crash at any instant get gives all of the
     * old or all of the new value; [S49] after a failed put the old one, or the new one where the
     * medium failed after the exchange.  `flags` are of enum swtpm_storage_write_flag. */
    int (*put)(struct swtpm_storage *storage, const char *name, struct swtpm_bytes value,
               uint32_t flags, struct swtpm_plugin_error *error);

    /* [S50] Removes a value (`delete` is a word of C++).  NOT_FOUND if there was none. */
    int (*del)(struct swtpm_storage *storage, const char *name, uint32_t flags,
               struct swtpm_plugin_error *error);

    /* [S51] Visits each value once, in no particular order, and nothing that is not a value (lock
     * files, temporary files).  The visitor calls no op of the same handle. */
    int (*list)(struct swtpm_storage *storage, swtpm_storage_visitor visit, void *context,
                struct swtpm_plugin_error *error);

    /*
     * Optional; NULL where each location is that of one store.  A place that holds many stores has
     * a location of its own, which names none of them and which open need not take.
     *
     * [S64] The location of a place: visits the location of each store there once, in no particular
     * order, and [S65] open takes what is visited, for that store.  A place without stores is none
     * of the errors.  [S66] NOT_FOUND if there is no such place.  [S67] The location of a store:
     * visits it alone, as it is written, whether or not there is that store.
     *
     * [S68] Nothing on the medium changes, and no store's lock is taken or waited for: stores in use
     * are visited too.  Stores that are made or removed meanwhile may be visited or not.  [S69] The
     * visitor may call every op, open of what it is shown included.
     *
     * Called without a handle, from any thread, and by offline tools only: never in the closed
     * sandbox, so `system_calls` and announced paths do not count.
     */
    int (*list_stores)(const char *location, swtpm_store_visitor visit, void *context,
                       struct swtpm_plugin_error *error);
};

/* ------------------------------------------------------------------------------- crypto ------ */

enum swtpm_digest_algorithm {
    SWTPM_SHA256 = 1, /* FIPS 180-4; 32 bytes */
    SWTPM_SHA512 = 2  /* FIPS 180-4; 64 bytes */
};

enum swtpm_cipher_algorithm {
    SWTPM_AES_128 = 1, /* FIPS 197; 16-byte key */
    SWTPM_AES_256 = 2  /* FIPS 197; 32-byte key */
};

enum swtpm_cipher_direction {
    SWTPM_ENCRYPT = 1,
    SWTPM_DECRYPT = 2
};

#define SWTPM_AES_BLOCK_SIZE 16
#define SWTPM_GCM_NONCE_SIZE 12
#define SWTPM_GCM_TAG_SIZE 16

/*
 * All crypto ops are one-shot and keep nothing.  [S52] A size that does not fit the algorithm is
 * INVALID, [S53] an algorithm that the library does not have is UNSUPPORTED.  Output buffers have
 * exactly the size of the output.  [S54] Inputs and outputs may be the same memory in cbc, and
 * nowhere overlap otherwise.
 */
struct swtpm_crypto_ops {
    /* [S55] Fills the buffer with random bytes fit for keys.  IO if the generator fails, never a
     * weaker source in its place. */
    int (*random)(struct swtpm_buffer output, struct swtpm_plugin_error *error);

    /* [S56] The digest of `input` by an enum swtpm_digest_algorithm. */
    int (*digest)(uint32_t algorithm, struct swtpm_bytes input, struct swtpm_buffer output,
                  struct swtpm_plugin_error *error);

    /* [S57] HMAC (RFC 2104) with an enum swtpm_digest_algorithm; output of the digest's size. */
    int (*hmac)(uint32_t algorithm, struct swtpm_bytes key, struct swtpm_bytes input,
                struct swtpm_buffer output, struct swtpm_plugin_error *error);

    /* [S58] AES-CBC (NIST SP 800-38A) without padding: `initialization_vector` has 16 bytes,
     * `input` a multiple of 16, `output` as many as `input`. */
    int (*cbc)(uint32_t algorithm, uint32_t direction, struct swtpm_bytes key,
               struct swtpm_bytes initialization_vector, struct swtpm_bytes input,
               struct swtpm_buffer output, struct swtpm_plugin_error *error);

    /* [S59] AES-GCM (NIST SP 800-38D): `nonce` has 12 bytes.  Encrypting, `output` is `input` and a
     * 16-byte tag behind it; decrypting, the other way round, and [S60] CORRUPT if the tag does not
     * verify, with nothing written to `output`. */
    int (*aead)(uint32_t algorithm, uint32_t direction, struct swtpm_bytes key,
                struct swtpm_bytes nonce, struct swtpm_bytes associated_data,
                struct swtpm_bytes input, struct swtpm_buffer output,
                struct swtpm_plugin_error *error);

    /* [S61] HKDF (RFC 5869), extract and expand, with an enum swtpm_digest_algorithm. */
    int (*hkdf)(uint32_t algorithm, struct swtpm_bytes key, struct swtpm_bytes salt,
                struct swtpm_bytes info, struct swtpm_buffer output,
                struct swtpm_plugin_error *error);

    /* [S62] PBKDF2 (RFC 8018) with HMAC of an enum swtpm_digest_algorithm and at least 1 round. */
    int (*pbkdf2)(uint32_t algorithm, struct swtpm_bytes password, struct swtpm_bytes salt,
                  uint32_t rounds, struct swtpm_buffer output, struct swtpm_plugin_error *error);
};

/* --------------------------------------------------------------------------- descriptor ------ */

union swtpm_plugin_ops {
    const struct swtpm_storage_ops *storage;
    const struct swtpm_crypto_ops *crypto;
};

struct swtpm_plugin {
    /* SWTPM_PLUGIN_MAGIC */
    uint64_t magic;
    /* SWTPM_PLUGIN_ABI at the time of building */
    uint32_t abi;
    /* enum swtpm_plugin_kind; fits the file's name and says which member of `ops` is set */
    uint32_t kind;
    /* sizeof of the ops structure that `ops` points to, at the time of building */
    size_t ops_size;
    /* NAME of the file name KIND-NAME.so */
    const char *name;
    /* The plugin's own version, for people: "0.1.0" */
    const char *version;
    /* One line for people, without a full stop */
    const char *summary;
    /* Names of the system calls (as in syscalls(2)) that ops other than open make and that are not
     * among SWTPM_HOST_SYSTEM_CALLS; ends with NULL; never NULL itself.  A name that this processor
     * does not have is passed over, one that nobody knows is an error.  Not granted to anybody:
     * starting programs, processes and threads, tracing, ioctl, prctl, and executable memory. */
    const char *const *system_calls;
    union swtpm_plugin_ops ops;
};

/* The host needs all ops of a kind but optional ones; a plugin for which one makes no sense returns
 * UNSUPPORTED. */

#if defined(__GNUC__)
__attribute__((visibility("default")))
#endif
extern const struct swtpm_plugin swtpm_plugin;

#ifdef __cplusplus
}
#endif

#endif
