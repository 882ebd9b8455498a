/* SPDX-License-Identifier: BSD-3-Clause */
#include "device/state_transfer.h"

#include <errno.h>
#include <string.h>

#include <libtpms/tpm_types.h>
#include <libtpms/tpm_error.h>

#include "tpm/tpm.h"
#include "tpm/worker.h"
#include "util/log.h"

/* Under way, of all sessions.  Each may hold a whole blob, and a client may open any number of
 * sessions. */
static unsigned transfers;

static uint32_t check_room(void)
{
    if (transfers < STATE_TRANSFERS_MAX)
        return TPM_SUCCESS;
    log_error("a state blob is refused, since %d transfers are under way, finished by nobody; close "
              "the device where they were begun", STATE_TRANSFERS_MAX);
    return TPM_RESOURCES;
}

static bool type_from_number(uint32_t number, enum state_type *type)
{
    if (number != PTM_BLOB_TYPE_PERMANENT && number != PTM_BLOB_TYPE_VOLATILE &&
        number != PTM_BLOB_TYPE_SAVESTATE)
        return false;
    *type = (enum state_type)number;
    return true;
}

/* --------------------------------------------------------------------------------- download */

static uint32_t start_download(struct state_download *download, enum state_type type,
                               bool decrypted)
{
    state_download_drop(download);
    uint32_t result = check_room();
    if (result == TPM_SUCCESS)
        result = tpm_get_state_blob(type, decrypted, &download->blob, &download->encrypted);
    /* A client that was told that there is no such state has fetched all there is of it. */
    if (result == TPM_RETRY)
        tpm_state_blob_fetched(type);
    if (result != TPM_SUCCESS)
        return result;
    transfers++;
    download->active = true;
    download->type = type;
    download->decrypted = decrypted;
    return TPM_SUCCESS;
}

static bool continues_download(const struct state_download *download, enum state_type type,
                               bool decrypted, uint32_t offset)
{
    return offset > 0 && download->active && download->type == type &&
           download->decrypted == decrypted;
}

static uint32_t prepare_download(struct state_download *download, uint32_t number,
                                 uint32_t state_flags, uint32_t offset)
{
    bool decrypted = (state_flags & PTM_STATE_FLAG_DECRYPTED) != 0;
    enum state_type type;

    if (!tpm_is_running())
        return TPM_BAD_ORDINAL;
    if (!type_from_number(number, &type))
        return TPM_BAD_PARAMETER;
    if (!continues_download(download, type, decrypted, offset)) {
        uint32_t result = start_download(download, type, decrypted);
        if (result != TPM_SUCCESS)
            return result;
    }
    return offset > download->blob.size ? (uint32_t)(TPM_BAD_PARAMETER) : TPM_SUCCESS;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

void state_download_part(struct state_download *download, union ptm_get_state *call)
{
    uint32_t offset = call->request.offset;
    uint32_t result =
        prepare_download(download, call->request.type, call->request.state_flags, offset);

    memset(call, 0, sizeof *call);
    call->response.result = result;
    if (result != TPM_SUCCESS)
        return;
    size_t length = smaller(download->blob.size - offset, sizeof call->response.data);
    call->response.state_flags = download->encrypted ? PTM_STATE_FLAG_ENCRYPTED : 0;
    call->response.total_length = (uint32_t)download->blob.size;
    call->response.length = (uint32_t)length;
    if (length > 0)
        memcpy(call->response.data, download->blob.data + offset, length);
    download->part_end = offset + length;
}

struct swtpm_bytes state_download_read(struct state_download *download, size_t size)
{
    size_t length = smaller(download->blob.size - download->position, size);
    struct swtpm_bytes part = {.data = download->blob.data + download->position, .size = length};

    download->part_end = download->position + length;
    return part;
}

void state_download_taken(struct state_download *download)
{
    download->position = download->part_end;
    if (!download->active || download->position < download->blob.size)
        return;
    /* A command that runs changes what was fetched, and needs the lock to store it. */
    if (!worker_is_busy())
        tpm_state_blob_fetched(download->type);
    state_download_drop(download);
}

void state_download_drop(struct state_download *download)
{
    transfers -= download->active;
    buffer_free(&download->blob);
    *download = (struct state_download){0};
}

/* ----------------------------------------------------------------------------------- upload */

static uint32_t finish_upload(struct state_upload *upload)
{
    bool encrypted = (upload->state_flags & PTM_STATE_FLAG_ENCRYPTED) != 0;
    uint32_t result = tpm_set_state_blob(
        upload->type, encrypted,
        (struct swtpm_bytes){.data = upload->blob.data, .size = upload->blob.size});

    state_upload_drop(upload);
    return result;
}

static bool continues_upload(const struct state_upload *upload, enum state_type type,
                             uint32_t state_flags)
{
    return upload->active && upload->type == type && upload->state_flags == state_flags;
}

static uint32_t collect(struct state_upload *upload, const void *data, size_t length)
{
    size_t size = upload->blob.size;

    if (length <= STATE_BLOB_MAX - size && buffer_append(&upload->blob, data, length) == 0)
        return TPM_SUCCESS;
    log_error("a state blob is refused after %zu bytes: it has more than %d bytes, or there is no "
              "memory for it", size, STATE_BLOB_MAX);
    return TPM_SIZE;
}

static uint32_t start_upload(struct state_upload *upload, enum state_type type,
                             uint32_t state_flags)
{
    state_upload_drop(upload);
    uint32_t result = check_room();
    if (result != TPM_SUCCESS)
        return result;
    transfers++;
    *upload = (struct state_upload){.active = true, .type = type, .state_flags = state_flags};
    return TPM_SUCCESS;
}

static uint32_t take_part(struct state_upload *upload, const union ptm_set_state *call)
{
    uint32_t length = call->request.length;
    enum state_type type;

    if (tpm_is_running())
        return TPM_BAD_ORDINAL;
    if (!type_from_number(call->request.type, &type) || length > sizeof call->request.data)
        return TPM_BAD_PARAMETER;

    bool first = !continues_upload(upload, type, call->request.state_flags);
    uint32_t result = first ? start_upload(upload, type, call->request.state_flags) : TPM_SUCCESS;
    if (result == TPM_SUCCESS)
        result = collect(upload, call->request.data, length);
    if (result != TPM_SUCCESS || length == sizeof call->request.data)
        return result;
    if (first && length == 0) {
        upload->by_write = true;
        return TPM_SUCCESS;
    }
    return finish_upload(upload);
}

/* After a part that was refused the client begins anew. */
uint32_t state_upload_part(struct state_upload *upload, const union ptm_set_state *call)
{
    uint32_t result = take_part(upload, call);

    if (result != TPM_SUCCESS)
        state_upload_drop(upload);
    return result;
}

int state_upload_write(struct state_upload *upload, struct swtpm_bytes data)
{
    if (collect(upload, data.data, data.size) == TPM_SUCCESS)
        return 0;
    state_upload_drop(upload);
    return EFBIG;
}

void state_upload_drop(struct state_upload *upload)
{
    transfers -= upload->active;
    buffer_free(&upload->blob);
    *upload = (struct state_upload){0};
}
