/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef DEVICE_STATE_TRANSFER_H
#define DEVICE_STATE_TRANSFER_H

#include <stdbool.h>
#include <stdint.h>

#include "state/state_name.h"
#include "swtpm_plugin.h"
#include "swtpm_ptm.h"
#include "util/buffer.h"

/*
 * Blob transfers of one session, part by part (session.h, "BLOB TRANSFERS").  A zeroed structure is
 * a transfer that is not under way.
 */

/* So many of all sessions may be under way; more are refused with TPM_RESOURCES. */
#define STATE_TRANSFERS_MAX 64

struct state_download {
    bool active;
    enum state_type type;
    bool decrypted;     /* wanted so */
    bool encrypted;     /* the state in it, with the state key */
    struct buffer blob;
    size_t position;    /* where the last part that the client has got ended */
    size_t part_end;    /* likewise of the part that is on its way to the client */
};

struct state_upload {
    bool active;
    bool by_write;      /* write() belongs to the blob */
    enum state_type type;
    uint32_t state_flags;
    struct buffer blob;
};

/* GET_STATEBLOB.  Fills the response, `result` included.  Another type or flag than before starts
 * anew. */
void state_download_part(struct state_download *download, union ptm_get_state *call);

/* read(): the next bytes of the blob, at most `size`; valid until the next call. */
struct swtpm_bytes state_download_read(struct state_download *download, size_t size);

/* Tells that the client has got the last part: the position moves past it.  At the end of the blob
 * it is forgotten, and the TPM is told, unless a command runs: what was fetched is out of date
 * then. */
void state_download_taken(struct state_download *download);

/* Wipes and forgets. */
void state_download_drop(struct state_download *download);

/* SET_STATEBLOB.  Returns the TPM result. */
uint32_t state_upload_part(struct state_upload *upload, const union ptm_set_state *call);

/* write() while `by_write`.  0 or an errno value. */
int state_upload_write(struct state_upload *upload, struct swtpm_bytes data);

/* Wipes and forgets. */
void state_upload_drop(struct state_upload *upload);

#endif
