/* SPDX-License-Identifier: BSD-3-Clause */
#include "state/layer.h"

#include <string.h>

#include <libtpms/tpm_error.h>

#include "state/cbc_hmac.h"
#include "state/gcm.h"
#include "state/result.h"
#include "state/tlv.h"

/* How the two layers differ. */
struct layer_format {
    uint16_t plain_tag;
    uint16_t encrypted_tag;
    uint16_t iv_tag;
    uint16_t derivation_tag;
    uint16_t gcm_tag;
    uint16_t encrypted_flag;
    uint16_t flag_256_bits;
    const char *option;
    const char *label; /* HKDF's info */
};

static const struct layer_format formats[] = {
    [LAYER_STATE] = {.plain_tag = TLV_STATE,
                     .encrypted_tag = TLV_ENCRYPTED_STATE,
                     .iv_tag = TLV_STATE_IV,
                     .derivation_tag = TLV_STATE_DERIVATION,
                     .gcm_tag = TLV_GCM_STATE,
                     .encrypted_flag = ENVELOPE_ENCRYPTED_BY_STATE_KEY,
                     .flag_256_bits = ENVELOPE_STATE_KEY_256_BITS,
                     .option = "--key",
                     .label = "swtpm_cuse state"},
    [LAYER_MIGRATION] = {.plain_tag = TLV_MIGRATION,
                         .encrypted_tag = TLV_ENCRYPTED_MIGRATION,
                         .iv_tag = TLV_MIGRATION_IV,
                         .derivation_tag = TLV_MIGRATION_DERIVATION,
                         .gcm_tag = TLV_GCM_MIGRATION,
                         .encrypted_flag = ENVELOPE_ENCRYPTED_BY_MIGRATION_KEY,
                         .flag_256_bits = ENVELOPE_MIGRATION_KEY_256_BITS,
                         .option = "--migration-key",
                         .label = "swtpm_cuse migration"},
};

static int refuse_no_memory(struct error *error)
{
    error_set(error, "no memory to wrap or unwrap it");
    return SWTPM_PLUGIN_NO_MEMORY;
}

uint16_t layer_flags(enum layer layer, const struct key_use *use)
{
    const struct layer_format *format = &formats[layer];

    if (use == NULL)
        return 0;
    return (uint16_t)(format->encrypted_flag |
                      (use->bytes.size == 32 ? format->flag_256_bits : 0));
}

bool layer_is_strong(const struct key_use *use)
{
    return use != NULL && (use->mode == KEY_MODE_AES_256_GCM || use->parameters.size > 0);
}

size_t layer_wrapped_size(const struct key_use *use, size_t size)
{
    if (use == NULL)
        return TLV_HEADER_SIZE + size;
    size_t derivation =
        use->parameters.size > 0 ? TLV_HEADER_SIZE + use->parameters.size : 0;
    if (use->mode == KEY_MODE_AES_256_GCM)
        return derivation + TLV_HEADER_SIZE + gcm_encrypted_size(size);
    return derivation + 3 * TLV_HEADER_SIZE + cbc_hmac_ciphertext_size(use, size) + CBC_HMAC_SIZE +
           cbc_hmac_iv_size(use);
}

/* The associated data of AES-GCM: the name with its final NUL, the header, the derivation. */
static int make_associated_data(const struct layer_context *context, struct swtpm_bytes parameters,
                                struct buffer *data)
{
    if (buffer_append(data, context->value_name, strlen(context->value_name) + 1) != 0 ||
        buffer_append(data, context->header, sizeof context->header) != 0 ||
        buffer_append(data, parameters.data, parameters.size) != 0)
        return -1;
    return 0;
}

/* --------------------------------------------------------------------------------------- wrap */

static int wrap_cbc(const struct layer_format *format, const struct key_use *use,
                    struct swtpm_bytes plain, struct buffer *to, struct error *error)
{
    struct cbc_hmac_item item;
    struct buffer memory = {0};

    int result = cbc_hmac_encrypt(use, plain, &memory, &item, error);
    if (result == 0 && (tlv_append(to, format->encrypted_tag, item.ciphertext) != 0 ||
                        tlv_append(to, TLV_HMAC, item.hmac) != 0 ||
                        tlv_append(to, format->iv_tag, item.initialization_vector) != 0))
        result = refuse_no_memory(error);
    buffer_free(&memory);
    return result;
}

static int wrap_gcm(const struct layer_format *format, const struct key_use *use,
                    const struct layer_context *context, struct swtpm_bytes plain,
                    struct buffer *to, struct error *error)
{
    struct buffer associated = {0};
    struct buffer encrypted = {0};
    int result;

    if (make_associated_data(context, use->parameters, &associated) != 0) {
        result = refuse_no_memory(error);
    } else {
        const struct gcm_context gcm = {format->label, {associated.data, associated.size}};
        result = gcm_encrypt(use, &gcm, plain, &encrypted, error);
    }
    if (result == 0 &&
        tlv_append(to, format->gcm_tag, (struct swtpm_bytes){encrypted.data, encrypted.size}) != 0)
        result = refuse_no_memory(error);
    buffer_free(&associated);
    buffer_free(&encrypted);
    return result;
}

int layer_wrap(enum layer layer, const struct key_use *use, const struct layer_context *context,
               struct swtpm_bytes plain, struct buffer *to, struct error *error)
{
    const struct layer_format *format = &formats[layer];

    if (use == NULL)
        return tlv_append(to, format->plain_tag, plain) == 0 ? 0 : refuse_no_memory(error);
    if (use->parameters.size > 0 &&
        tlv_append(to, format->derivation_tag, use->parameters) != 0)
        return refuse_no_memory(error);
    if (use->mode == KEY_MODE_AES_256_GCM)
        return wrap_gcm(format, use, context, plain, to, error);
    return wrap_cbc(format, use, plain, to, error);
}

/* ------------------------------------------------------------------------------------- unwrap */

static TPM_RESULT copy_bytes(struct swtpm_bytes from, struct buffer *to, struct error *error)
{
    struct buffer copy = {0};

    if (buffer_append(&copy, from.data, from.size) != 0)
        return tpm_result(refuse_no_memory(error));
    buffer_move(to, &copy);
    return TPM_SUCCESS;
}

static TPM_RESULT refuse_without(const char *what, struct error *error)
{
    error_set(error, "damaged: it has no %s", what);
    return TPM_FAIL;
}

static TPM_RESULT check_encryption(const struct layer_format *format, const struct state_key *key,
                                   bool encrypted, struct error *error)
{
    if (encrypted && key == NULL) {
        error_set(error, "encrypted, and there is no key for it; give option %s", format->option);
        return TPM_KEYNOTFOUND;
    }
    if (!encrypted && key != NULL) {
        error_set(error, "not encrypted, although there is a key; leave out option %s or encrypt "
                         "it with 'swtpm-state rekey'", format->option);
        return TPM_DECRYPT_ERROR;
    }
    return TPM_SUCCESS;
}

static TPM_RESULT check_key_size(const struct layer_format *format, const struct key_use *use,
                                 const struct envelope_header *header, struct error *error)
{
    size_t size = header->flags & format->flag_256_bits ? 32 : 16;

    /* Version 1 did not say. */
    if (header->version == ENVELOPE_VERSION_UNTAGGED || use->bytes.size == size)
        return TPM_SUCCESS;
    error_set(error, "it needs a key of %zu bits, and that of option %s has %zu; give the right "
                     "mode=", 8 * size, use->option, 8 * use->bytes.size);
    return TPM_BAD_KEY_PROPERTY;
}

static TPM_RESULT refuse_mode(const struct key_use *use, const char *mode, struct error *error)
{
    error_set(error, "it is not encrypted in the mode that option %s says but with mode=%s",
              use->option, mode);
    return TPM_DECRYPT_ERROR;
}

static TPM_RESULT unwrap_cbc(const struct layer_format *format, const struct key_use *use,
                             enum envelope_version version, struct swtpm_bytes tlvs,
                             struct buffer *plain, struct error *error)
{
    struct cbc_hmac_item item = {0};

    if (!tlv_find(tlvs, format->encrypted_tag, &item.ciphertext))
        return refuse_without("ciphertext", error);
    if (!tlv_find(tlvs, TLV_HMAC, &item.hmac))
        return refuse_without("HMAC", error);
    /* The first writers of version 2 had no IV.  In later versions it must be there: the HMAC does
     * not tell the IV from the end of the ciphertext, so the one could be passed off as the
     * other. */
    if (!tlv_find(tlvs, format->iv_tag, &item.initialization_vector) &&
        version != ENVELOPE_VERSION_TAGGED)
        return refuse_without("IV", error);
    return cbc_hmac_decrypt(use, &item, plain, error);
}

static TPM_RESULT unwrap_gcm(const struct layer_format *format, const struct key_use *use,
                             const struct layer_context *context, struct swtpm_bytes encrypted,
                             struct buffer *plain, struct error *error)
{
    struct buffer associated = {0};
    TPM_RESULT result;

    if (make_associated_data(context, use->parameters, &associated) != 0) {
        result = tpm_result(refuse_no_memory(error));
    } else {
        const struct gcm_context gcm = {format->label, {associated.data, associated.size}};
        result = gcm_decrypt(use, &gcm, encrypted, plain, error);
    }
    buffer_free(&associated);
    return result;
}

static TPM_RESULT find_key(const struct layer_format *format, const struct state_key *key,
                           const struct envelope_header *header, struct swtpm_bytes tlvs,
                           struct key_use *use, struct error *error)
{
    struct swtpm_bytes parameters = {0};

    if (header->version == ENVELOPE_VERSION_STRONG)
        tlv_find(tlvs, format->derivation_tag, &parameters);
    int result = key_use_for_unwrapping(key, parameters, use, error);
    if (result == SWTPM_PLUGIN_DENIED || result == SWTPM_PLUGIN_CORRUPT)
        return TPM_DECRYPT_ERROR;
    if (result != 0)
        return tpm_result_of_crypto(result);
    return check_key_size(format, use, header, error);
}

static TPM_RESULT decrypt(const struct layer_format *format, const struct key_use *use,
                          const struct envelope_header *header,
                          const struct layer_context *context, struct swtpm_bytes body,
                          struct buffer *plain, struct error *error)
{
    struct swtpm_bytes encrypted;
    bool gcm = header->version == ENVELOPE_VERSION_STRONG &&
               tlv_find(body, format->gcm_tag, &encrypted);

    if (gcm != (use->mode == KEY_MODE_AES_256_GCM))
        return refuse_mode(use, gcm ? "aes-256-gcm" : "aes-256-cbc or aes-128-cbc", error);
    if (gcm)
        return unwrap_gcm(format, use, context, encrypted, plain, error);
    if (header->version == ENVELOPE_VERSION_UNTAGGED)
        return cbc_digest_decrypt(use, body, plain, error);
    return unwrap_cbc(format, use, header->version, body, plain, error);
}

static TPM_RESULT take_plain(const struct layer_format *format,
                             const struct envelope_header *header, struct swtpm_bytes body,
                             struct buffer *plain, struct error *error)
{
    struct swtpm_bytes found = body;

    if (header->version != ENVELOPE_VERSION_UNTAGGED && !tlv_find(body, format->plain_tag, &found))
        return refuse_without("content", error);
    return copy_bytes(found, plain, error);
}

TPM_RESULT layer_unwrap(enum layer layer, const struct state_key *key,
                        const struct envelope_header *header, const struct layer_context *context,
                        struct swtpm_bytes body, struct buffer *plain, struct error *error)
{
    const struct layer_format *format = &formats[layer];
    bool encrypted = (header->flags & format->encrypted_flag) != 0;
    struct key_use use;

    if (header->version != ENVELOPE_VERSION_UNTAGGED && tlv_check(body, error) != 0)
        return TPM_FAIL;
    TPM_RESULT result = check_encryption(format, key, encrypted, error);
    if (result != TPM_SUCCESS)
        return result;
    if (!encrypted)
        return take_plain(format, header, body, plain, error);
    result = find_key(format, key, header, body, &use, error);
    if (result != TPM_SUCCESS)
        return result;
    result = decrypt(format, &use, header, context, body, plain, error);
    if (result == TPM_SUCCESS)
        key_use_prove(key);
    return result;
}
