/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SWTPM_PTM_H
#define SWTPM_PTM_H

/*
 * The control interface of the CUSE TPM: ioctls on /dev/NAME (swtpm-ptm(4)).  Each structure
 * travels in host byte order with natural C alignment.  Where a call takes arguments, its structure
 * is a union: the caller fills `request`, the TPM answers in `response` over it.  `result` is
 * always a TPM result code, 0 for success.  The socket transport of other emulators uses the same
 * numbers plus one, and big-endian fields.
 */

#include <linux/ioctl.h>
#include <stdint.h>

/* Sizes in bytes: of the data of one HASH_DATA, of a part of a state blob and of a whole one, and
 * of a part of the text of GET_INFO. */
#define PTM_HASH_DATA_MAX 4096
#define PTM_STATE_BLOB_PART_MAX 3072
#define PTM_STATE_BLOB_MAX (512 * 1024)
#define PTM_INFO_PART_MAX 3072

/* Bits of GET_CAPABILITY: the calls that a TPM offers.  HASHING is HASH_START, HASH_DATA and
 * HASH_END; SET_DATAFD and SEND_COMMAND_HEADER belong to socket transports. */
#define PTM_CAPABILITY_INIT (UINT64_C(1) << 0)
#define PTM_CAPABILITY_SHUTDOWN (UINT64_C(1) << 1)
#define PTM_CAPABILITY_GET_TPMESTABLISHED (UINT64_C(1) << 2)
#define PTM_CAPABILITY_SET_LOCALITY (UINT64_C(1) << 3)
#define PTM_CAPABILITY_HASHING (UINT64_C(1) << 4)
#define PTM_CAPABILITY_CANCEL_TPM_CMD (UINT64_C(1) << 5)
#define PTM_CAPABILITY_STORE_VOLATILE (UINT64_C(1) << 6)
#define PTM_CAPABILITY_RESET_TPMESTABLISHED (UINT64_C(1) << 7)
#define PTM_CAPABILITY_GET_STATEBLOB (UINT64_C(1) << 8)
#define PTM_CAPABILITY_SET_STATEBLOB (UINT64_C(1) << 9)
#define PTM_CAPABILITY_STOP (UINT64_C(1) << 10)
#define PTM_CAPABILITY_GET_CONFIG (UINT64_C(1) << 11)
#define PTM_CAPABILITY_SET_DATAFD (UINT64_C(1) << 12)
#define PTM_CAPABILITY_SET_BUFFERSIZE (UINT64_C(1) << 13)
#define PTM_CAPABILITY_GET_INFO (UINT64_C(1) << 14)
#define PTM_CAPABILITY_SEND_COMMAND_HEADER (UINT64_C(1) << 15)
#define PTM_CAPABILITY_LOCK_STORAGE (UINT64_C(1) << 16)

/* Flags of INIT: delete the volatile state once it was read. */
#define PTM_INIT_FLAG_DELETE_VOLATILE UINT32_C(1)

/* Types of state blobs. */
#define PTM_BLOB_TYPE_PERMANENT UINT32_C(1)
#define PTM_BLOB_TYPE_VOLATILE UINT32_C(2)
#define PTM_BLOB_TYPE_SAVESTATE UINT32_C(3)

/* State flags: in requests of GET_STATEBLOB, the state is wanted decrypted; in its responses and in
 * requests of SET_STATEBLOB, the state in the blob is encrypted with the state key.  Whether the
 * whole is encrypted with a migration key stands in the blob's own header (doc/state-format.md). */
#define PTM_STATE_FLAG_DECRYPTED UINT32_C(1)
#define PTM_STATE_FLAG_ENCRYPTED UINT32_C(2)

/* Flags of GET_CONFIG: states are encrypted with a key (--key); there is a migration key. */
#define PTM_CONFIG_FLAG_FILE_KEY UINT32_C(1)
#define PTM_CONFIG_FLAG_MIGRATION_KEY UINT32_C(2)

/* Flags of GET_INFO, those of TPMLIB_GetInfo. */
#define PTM_INFO_SPECIFICATION UINT64_C(0x01)
#define PTM_INFO_ATTRIBUTES UINT64_C(0x02)
#define PTM_INFO_FEATURES UINT64_C(0x04)
#define PTM_INFO_ALGORITHMS UINT64_C(0x08)
#define PTM_INFO_COMMANDS UINT64_C(0x10)
#define PTM_INFO_ACTIVE_PROFILE UINT64_C(0x20)
#define PTM_INFO_AVAILABLE_PROFILES UINT64_C(0x40)
#define PTM_INFO_RUNTIME_ATTRIBUTES UINT64_C(0x80)

/* The whole answer of many calls. */
struct ptm_result {
    uint32_t result;
};

/* GET_CAPABILITY; the only answer without a result. */
struct ptm_capability {
    uint64_t capabilities; /* PTM_CAPABILITY_… */
};

union ptm_init {
    struct {
        uint32_t flags; /* PTM_INIT_FLAG_… */
    } request;
    struct ptm_result response;
};

/* GET_TPMESTABLISHED */
struct ptm_established {
    uint32_t result;
    uint8_t bit; /* 1 after a hash sequence, until it is reset; else 0 */
    uint8_t padding[3];
};

/* SET_LOCALITY and RESET_TPMESTABLISHED */
union ptm_locality {
    struct {
        uint8_t locality; /* 0 to 4 */
    } request;
    struct ptm_result response;
};

union ptm_hash_data {
    struct {
        uint32_t length; /* bytes in use of `data` */
        uint8_t data[PTM_HASH_DATA_MAX];
    } request;
    struct ptm_result response;
};

/* GET_STATEBLOB: one part.  With offset 0 the blob is made anew. */
union ptm_get_state {
    struct {
        uint32_t state_flags; /* PTM_STATE_FLAG_DECRYPTED, or 0 */
        uint32_t type;        /* PTM_BLOB_TYPE_… */
        uint32_t offset;      /* of the part in the blob, in bytes */
    } request;
    struct {
        uint32_t result;
        uint32_t state_flags;  /* PTM_STATE_FLAG_ENCRYPTED, or 0 */
        uint32_t total_length; /* of the blob, in bytes */
        uint32_t length;       /* of the part: bytes in use of `data` */
        uint8_t data[PTM_STATE_BLOB_PART_MAX];
    } response;
};

/* SET_STATEBLOB: one part.  A shorter one than the longest ends the blob. */
union ptm_set_state {
    struct {
        uint32_t state_flags; /* PTM_STATE_FLAG_ENCRYPTED, or 0 */
        uint32_t type;        /* PTM_BLOB_TYPE_… */
        uint32_t length;      /* bytes in use of `data` */
        uint8_t data[PTM_STATE_BLOB_PART_MAX];
    } request;
    struct ptm_result response;
};

/* GET_CONFIG */
struct ptm_config {
    uint32_t result;
    uint32_t flags; /* PTM_CONFIG_FLAG_… */
};

/* SET_BUFFERSIZE: of the TPM's buffers for commands and responses; all in bytes. */
union ptm_buffer_size {
    struct {
        uint32_t size; /* 0 asks and changes nothing */
    } request;
    struct {
        uint32_t result;
        uint32_t size; /* in force */
        uint32_t minimum;
        uint32_t maximum;
    } response;
};

/* GET_INFO: one part of a JSON text. */
union ptm_info {
    struct {
        uint64_t flags;  /* PTM_INFO_… */
        uint32_t offset; /* of the part in the text, in bytes */
        uint32_t padding;
    } request;
    struct {
        uint32_t result;
        uint32_t total_length; /* of the text with its final NUL, in bytes */
        uint32_t length;       /* of the part: bytes in use of `buffer` */
        char buffer[PTM_INFO_PART_MAX];
    } response;
};

union ptm_lock_storage {
    struct {
        uint32_t retries; /* tries after the first, 10 ms apart */
    } request;
    struct ptm_result response;
};

/* Numbers within the magic, shared with the socket transport (which adds 1). */
enum ptm_number {
    PTM_NUMBER_GET_CAPABILITY = 0,
    PTM_NUMBER_INIT = 1,
    PTM_NUMBER_SHUTDOWN = 2,
    PTM_NUMBER_GET_TPMESTABLISHED = 3,
    PTM_NUMBER_SET_LOCALITY = 4,
    PTM_NUMBER_HASH_START = 5,
    PTM_NUMBER_HASH_DATA = 6,
    PTM_NUMBER_HASH_END = 7,
    PTM_NUMBER_CANCEL_TPM_CMD = 8,
    PTM_NUMBER_STORE_VOLATILE = 9,
    PTM_NUMBER_RESET_TPMESTABLISHED = 10,
    PTM_NUMBER_GET_STATEBLOB = 11,
    PTM_NUMBER_SET_STATEBLOB = 12,
    PTM_NUMBER_STOP = 13,
    PTM_NUMBER_GET_CONFIG = 14,
    PTM_NUMBER_SET_DATAFD = 15,
    PTM_NUMBER_SET_BUFFERSIZE = 16,
    PTM_NUMBER_GET_INFO = 17,
    PTM_NUMBER_LOCK_STORAGE = 18
};

#define PTM_IOCTL_MAGIC 'P'

#define PTM_GET_CAPABILITY                                                                         \
    _IOR(PTM_IOCTL_MAGIC, PTM_NUMBER_GET_CAPABILITY, struct ptm_capability)
#define PTM_INIT _IOWR(PTM_IOCTL_MAGIC, PTM_NUMBER_INIT, union ptm_init)
#define PTM_SHUTDOWN _IOR(PTM_IOCTL_MAGIC, PTM_NUMBER_SHUTDOWN, struct ptm_result)
#define PTM_GET_TPMESTABLISHED                                                                     \
    _IOR(PTM_IOCTL_MAGIC, PTM_NUMBER_GET_TPMESTABLISHED, struct ptm_established)
#define PTM_SET_LOCALITY _IOWR(PTM_IOCTL_MAGIC, PTM_NUMBER_SET_LOCALITY, union ptm_locality)
#define PTM_HASH_START _IOR(PTM_IOCTL_MAGIC, PTM_NUMBER_HASH_START, struct ptm_result)
#define PTM_HASH_DATA _IOWR(PTM_IOCTL_MAGIC, PTM_NUMBER_HASH_DATA, union ptm_hash_data)
#define PTM_HASH_END _IOR(PTM_IOCTL_MAGIC, PTM_NUMBER_HASH_END, struct ptm_result)
#define PTM_CANCEL_TPM_CMD _IOR(PTM_IOCTL_MAGIC, PTM_NUMBER_CANCEL_TPM_CMD, struct ptm_result)
#define PTM_STORE_VOLATILE _IOR(PTM_IOCTL_MAGIC, PTM_NUMBER_STORE_VOLATILE, struct ptm_result)
#define PTM_RESET_TPMESTABLISHED                                                                   \
    _IOWR(PTM_IOCTL_MAGIC, PTM_NUMBER_RESET_TPMESTABLISHED, union ptm_locality)
#define PTM_GET_STATEBLOB _IOWR(PTM_IOCTL_MAGIC, PTM_NUMBER_GET_STATEBLOB, union ptm_get_state)
#define PTM_SET_STATEBLOB _IOWR(PTM_IOCTL_MAGIC, PTM_NUMBER_SET_STATEBLOB, union ptm_set_state)
#define PTM_STOP _IOR(PTM_IOCTL_MAGIC, PTM_NUMBER_STOP, struct ptm_result)
#define PTM_GET_CONFIG _IOR(PTM_IOCTL_MAGIC, PTM_NUMBER_GET_CONFIG, struct ptm_config)
#define PTM_SET_DATAFD _IOR(PTM_IOCTL_MAGIC, PTM_NUMBER_SET_DATAFD, struct ptm_result)
#define PTM_SET_BUFFERSIZE _IOWR(PTM_IOCTL_MAGIC, PTM_NUMBER_SET_BUFFERSIZE, union ptm_buffer_size)
#define PTM_GET_INFO _IOWR(PTM_IOCTL_MAGIC, PTM_NUMBER_GET_INFO, union ptm_info)
#define PTM_LOCK_STORAGE _IOWR(PTM_IOCTL_MAGIC, PTM_NUMBER_LOCK_STORAGE, union ptm_lock_storage)

#endif
