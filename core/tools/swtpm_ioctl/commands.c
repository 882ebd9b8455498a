/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/swtpm_ioctl/commands.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tools/swtpm_ioctl/blob_file.h"
#include "tools/transport/ptm_layout.h"

/* What libtpms says of a state that a TPM does not have: TPM_RETRY (TPM Main 1.2 Part 2 §16). */
#define RESULT_NO_SUCH_STATE UINT32_C(0x800)

/* Far more than any libtpms has to tell. */
enum { INFO_MAX = 1 << 20 };

/* ---------------------------------------------------------------------------------- calls ----- */

static enum command_status judge(const struct command_context *context, enum ptm_number number,
                                 uint32_t result)
{
    if (result == 0)
        return COMMAND_DONE;
    error_set(context->error, "TPM result from %s: 0x%" PRIx32, ptm_layout_of(number)->name,
              result);
    return COMMAND_REFUSED;
}

/* `result` lies in `argument`. */
static enum command_status call(const struct command_context *context, enum ptm_number number,
                                void *argument, const uint32_t *result)
{
    if (control_channel_call(context->channel, number, argument, context->error) != 0)
        return COMMAND_FAILED;
    return judge(context, number, *result);
}

static enum command_status call_plainly(const struct command_context *context,
                                        enum ptm_number number)
{
    struct ptm_result answer = {0};

    return call(context, number, &answer, &answer.result);
}

/* ------------------------------------------------------------------------------- commands ----- */

enum command_status command_plain(const struct command_context *context)
{
    return call_plainly(context, context->command->call);
}

enum command_status command_capability(const struct command_context *context)
{
    struct ptm_capability answer = {0};

    if (control_channel_call(context->channel, PTM_NUMBER_GET_CAPABILITY, &answer,
                             context->error) != 0)
        return COMMAND_FAILED;
    printf("ptm capability is 0x%" PRIx64 "\n", answer.capabilities);
    return COMMAND_DONE;
}

enum command_status command_init(const struct command_context *context)
{
    union ptm_init init = {.request = {.flags = PTM_INIT_FLAG_DELETE_VOLATILE}};

    return call(context, PTM_NUMBER_INIT, &init, &init.response.result);
}

enum command_status command_established(const struct command_context *context)
{
    struct ptm_established answer = {0};
    enum command_status status =
        call(context, PTM_NUMBER_GET_TPMESTABLISHED, &answer, &answer.result);

    if (status == COMMAND_DONE)
        printf("tpmEstablished is %u\n", answer.bit);
    return status;
}

enum command_status command_locality(const struct command_context *context)
{
    union ptm_locality locality = {.request = {.locality = (uint8_t)context->values->number}};

    return call(context, context->command->call, &locality, &locality.response.result);
}

enum command_status command_config(const struct command_context *context)
{
    struct ptm_config answer = {0};
    enum command_status status = call(context, PTM_NUMBER_GET_CONFIG, &answer, &answer.result);

    if (status == COMMAND_DONE)
        printf("ptm configuration flags: 0x%" PRIx32 "\n", answer.flags);
    return status;
}

enum command_status command_buffer_size(const struct command_context *context)
{
    union ptm_buffer_size size = {.request = {.size = (uint32_t)context->values->number}};
    enum command_status status =
        call(context, PTM_NUMBER_SET_BUFFERSIZE, &size, &size.response.result);

    if (status == COMMAND_DONE)
        printf("TPM buffersize: %" PRIu32 "\n"
               "minimum size  : %" PRIu32 "\n"
               "maximum size  : %" PRIu32 "\n",
               size.response.size, size.response.minimum, size.response.maximum);
    return status;
}

enum command_status command_lock_storage(const struct command_context *context)
{
    union ptm_lock_storage lock = {.request = {.retries = (uint32_t)context->values->number}};

    return call(context, PTM_NUMBER_LOCK_STORAGE, &lock, &lock.response.result);
}

/* -------------------------------------------------------------------------------- hashing ----- */

static enum command_status hash_part(const struct command_context *context, const void *data,
                                     size_t size)
{
    union ptm_hash_data hash = {.request = {.length = (uint32_t)size}};

    memcpy(hash.request.data, data, size);
    return call(context, PTM_NUMBER_HASH_DATA, &hash, &hash.response.result);
}

static enum command_status hash_text(const struct command_context *context)
{
    const char *text = context->values->text;
    enum command_status status = COMMAND_DONE;

    for (size_t rest = strlen(text); rest > 0 && status == COMMAND_DONE;) {
        size_t size = rest < PTM_HASH_DATA_MAX ? rest : PTM_HASH_DATA_MAX;
        status = hash_part(context, text, size);
        text += size;
        rest -= size;
    }
    return status;
}

static enum command_status hash_standard_input(const struct command_context *context)
{
    uint8_t data[PTM_HASH_DATA_MAX];
    enum command_status status = COMMAND_DONE;
    size_t size;

    while (status == COMMAND_DONE && (size = fread(data, 1, sizeof data, stdin)) > 0)
        status = hash_part(context, data, size);
    if (status == COMMAND_DONE && ferror(stdin)) {
        error_set(context->error, "option -h: cannot read standard input: %s", strerror(errno));
        return COMMAND_FAILED;
    }
    return status;
}

enum command_status command_hash(const struct command_context *context)
{
    enum command_status status = call_plainly(context, PTM_NUMBER_HASH_START);

    if (status == COMMAND_DONE)
        status = strcmp(context->values->text, "-") == 0 ? hash_standard_input(context)
                                                         : hash_text(context);
    if (status == COMMAND_DONE)
        status = call_plainly(context, PTM_NUMBER_HASH_END);
    return status;
}

/* ---------------------------------------------------------------------------- state blobs ----- */

/* A state that the TPM does not have is saved as an empty file, which loads as none. */
static enum command_status get_state(const struct command_context *context, struct buffer *blob)
{
    uint32_t result;

    if (control_channel_get_state(context->channel, context->values->state_type, blob, &result,
                                  context->error) != 0)
        return COMMAND_FAILED;
    return result == RESULT_NO_SUCH_STATE ? COMMAND_DONE
                                          : judge(context, PTM_NUMBER_GET_STATEBLOB, result);
}

static enum command_status set_state(const struct command_context *context,
                                     const struct buffer *blob)
{
    uint32_t result;

    if (control_channel_set_state(context->channel, context->values->state_type, blob, &result,
                                  context->error) != 0)
        return COMMAND_FAILED;
    return judge(context, PTM_NUMBER_SET_STATEBLOB, result);
}

enum command_status command_save(const struct command_context *context)
{
    struct buffer blob = {0};
    enum command_status status = get_state(context, &blob);

    if (status == COMMAND_DONE &&
        blob_file_write(context->values->text, &blob, context->error) != 0)
        status = COMMAND_FAILED;
    buffer_free(&blob);
    return status;
}

enum command_status command_load(const struct command_context *context)
{
    struct buffer blob = {0};
    size_t limit = control_channel_blob_max(context->channel);
    enum command_status status = COMMAND_FAILED;

    if (blob_file_read(context->values->text, limit, &blob, context->error) == 0)
        status = set_state(context, &blob);
    buffer_free(&blob);
    return status;
}

/* ---------------------------------------------------------------------------- information ----- */

static enum command_status append_info(const struct command_context *context,
                                       const union ptm_info *info, struct buffer *text)
{
    size_t total = info->response.total_length;
    size_t length = info->response.length;

    if (length > sizeof info->response.buffer || total > INFO_MAX || text->size > total ||
        length > total - text->size || (length == 0 && text->size < total)) {
        error_set(context->error, "PTM_GET_INFO: the TPM sends %zu bytes from offset %zu of %zu",
                  length, text->size, total);
        return COMMAND_FAILED;
    }
    if (buffer_append(text, info->response.buffer, length) == 0)
        return COMMAND_DONE;
    error_set(context->error, "no memory for what the TPM says of itself");
    return COMMAND_FAILED;
}

static enum command_status get_info(const struct command_context *context, struct buffer *text)
{
    enum command_status status;
    union ptm_info info;

    do {
        info = (union ptm_info){
            .request = {.flags = context->values->number, .offset = (uint32_t)text->size}};
        status = call(context, PTM_NUMBER_GET_INFO, &info, &info.response.result);
        if (status == COMMAND_DONE)
            status = append_info(context, &info, text);
    } while (status == COMMAND_DONE && text->size < info.response.total_length);
    return status;
}

enum command_status command_info(const struct command_context *context)
{
    struct buffer text = {0};
    enum command_status status = get_info(context, &text);

    /* What the TPM sends ends with a NUL, or where it ends. */
    if (status == COMMAND_DONE)
        printf("%.*s\n", (int)text.size, text.size > 0 ? (const char *)text.data : "");
    buffer_free(&text);
    return status;
}
