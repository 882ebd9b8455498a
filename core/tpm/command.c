/* SPDX-License-Identifier: BSD-3-Clause */
#include "tpm/command.h"

#include <libtpms/tpm_types.h>
#include <libtpms/tpm_error.h>

#include "util/big_endian.h"

enum {
    TAG_RQU_COMMAND = 0x00c1,
    TAG_RSP_COMMAND = 0x00c4,
    TAG_ST_NO_SESSIONS = 0x8001
};

/*
 * TPM 2.0 part 2 §6.5.2: what makes, checks or uses an asymmetric private key, or tests the TPM.
 * Verifying and encrypting with RSA is as quick as the hand-over, so it is not here.
 */
static const uint16_t slow_tpm2_commands[] = {
    0x131, /* CreatePrimary */
    0x133, /* GetCommandAuditDigest */
    0x142, /* IncrementalSelfTest */
    0x143, /* SelfTest */
    0x147, /* ActivateCredential */
    0x148, /* Certify */
    0x14a, /* CertifyCreation */
    0x14b, /* Duplicate: makes an ephemeral key for an ECC parent */
    0x14c, /* GetTime */
    0x14d, /* GetSessionAuditDigest */
    0x152, /* Rewrap */
    0x153, /* Create */
    0x154, /* ECDH_ZGen */
    0x156, /* Import */
    0x157, /* Load */
    0x158, /* Quote */
    0x159, /* RSA_Decrypt */
    0x15d, /* Sign */
    0x163, /* ECDH_KeyGen */
    0x167, /* LoadExternal */
    0x168, /* MakeCredential: makes an ephemeral key for an ECC parent */
    0x176, /* StartAuthSession: may decrypt a salt */
    0x184, /* NV_Certify */
    0x18b, /* Commit */
    0x18d, /* ZGen_2Phase */
    0x18e, /* EC_Ephemeral */
    0x191, /* CreateLoaded */
    0x197, /* CertifyX509 */
};

/* TPM Main 1.2 part 2 §17: the same choice. */
static const uint16_t slow_tpm12_commands[] = {
    0x0c, /* ChangeAuth */
    0x0d, /* TakeOwnership */
    0x0e, /* ChangeAuthAsymStart */
    0x0f, /* ChangeAuthAsymFinish */
    0x13, /* CMK_CreateKey */
    0x16, /* Quote */
    0x18, /* Unseal */
    0x1b, /* CMK_CreateBlob */
    0x1e, /* UnBind */
    0x1f, /* CreateWrapKey */
    0x20, /* LoadKey */
    0x24, /* CMK_ConvertMigration */
    0x25, /* MigrateKey */
    0x28, /* CreateMigrationBlob */
    0x29, /* DAA_Join */
    0x2a, /* ConvertMigrationBlob */
    0x31, /* DAA_Sign */
    0x32, /* CertifyKey */
    0x33, /* CertifyKey2 */
    0x3c, /* Sign */
    0x3e, /* Quote2 */
    0x41, /* LoadKey2 */
    0x50, /* SelfTestFull */
    0x52, /* CertifySelfTest */
    0x53, /* ContinueSelfTest */
    0x78, /* CreateEndorsementKeyPair */
    0x79, /* MakeIdentity */
    0x7a, /* ActivateIdentity */
    0x7f, /* CreateRevocableEK */
    0x86, /* GetAuditDigestSigned */
    0x99, /* Startup: tests itself */
    0xe6, /* EstablishTransport */
    0xe7, /* ExecuteTransport: may hold any of the others */
    0xe8, /* ReleaseTransportSigned */
    0xf2, /* TickStampBlob */
};

/* By halves: both lists ascend. */
static bool contains(const uint16_t *list, size_t count, uint32_t ordinal)
{
    size_t low = 0;

    for (size_t high = count; low < high;) {
        size_t middle = (low + high) / 2;
        if (list[middle] < ordinal)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && list[low] == ordinal;
}

bool tpm_header_code(struct swtpm_bytes message, uint32_t *code)
{
    if (message.size < TPM_HEADER_SIZE)
        return false;
    *code = big_endian_get32((const uint8_t *)message.data + 6);
    return true;
}

bool tpm_command_is_slow(enum tpm_version version, struct swtpm_bytes command)
{
    uint32_t ordinal;

    if (!tpm_header_code(command, &ordinal))
        return false;
    if (version == TPM_VERSION_2_0)
        return contains(slow_tpm2_commands,
                        sizeof slow_tpm2_commands / sizeof *slow_tpm2_commands, ordinal);
    return contains(slow_tpm12_commands, sizeof slow_tpm12_commands / sizeof *slow_tpm12_commands,
                    ordinal);
}

bool tpm_command_is_set_locality(struct swtpm_bytes command, uint8_t *locality)
{
    uint32_t ordinal;

    if (!tpm_header_code(command, &ordinal) || ordinal != TPM_CC_SET_LOCALITY ||
        command.size != TPM_HEADER_SIZE + 1)
        return false;
    *locality = ((const uint8_t *)command.data)[TPM_HEADER_SIZE];
    return true;
}

static void put_header(uint8_t *to, uint16_t tag, uint32_t size, uint32_t code)
{
    big_endian_put16(to, tag);
    big_endian_put32(to + 2, size);
    big_endian_put32(to + 6, code);
}

void tpm_response_put(enum tpm_version version, uint32_t result, uint8_t response[TPM_HEADER_SIZE])
{
    uint16_t tag = version == TPM_VERSION_2_0 ? TAG_ST_NO_SESSIONS : TAG_RSP_COMMAND;
    put_header(response, tag, TPM_HEADER_SIZE, result);
}

uint32_t tpm_result_failure(enum tpm_version version)
{
    return version == TPM_VERSION_2_0 ? TPM2_RC_FAILURE : (uint32_t)TPM_FAIL;
}

void tpm2_command_put_get_test_result(uint8_t command[TPM_HEADER_SIZE])
{
    put_header(command, TAG_ST_NO_SESSIONS, TPM_HEADER_SIZE, TPM2_CC_GET_TEST_RESULT);
}

/* The test's result stands last, behind what only the manufacturer understands. */
bool tpm2_response_tells_failure(struct swtpm_bytes response)
{
    enum { RESULT_SIZE = 4 };
    uint32_t code;

    if (!tpm_header_code(response, &code) || code != TPM_SUCCESS ||
        response.size < TPM_HEADER_SIZE + RESULT_SIZE)
        return false;
    const uint8_t *end = (const uint8_t *)response.data + response.size;
    return big_endian_get32(end - RESULT_SIZE) == TPM2_RC_FAILURE;
}

void tpm_command_put_startup(enum tpm_version version, uint16_t type,
                             uint8_t command[TPM_STARTUP_COMMAND_SIZE])
{
    if (version == TPM_VERSION_2_0)
        put_header(command, TAG_ST_NO_SESSIONS, TPM_STARTUP_COMMAND_SIZE, TPM2_CC_STARTUP);
    else
        put_header(command, TAG_RQU_COMMAND, TPM_STARTUP_COMMAND_SIZE, TPM_ORD_STARTUP);
    big_endian_put16(command + TPM_HEADER_SIZE, type);
}

void tpm2_command_put_shutdown(enum tpm2_startup_type type,
                               uint8_t command[TPM_STARTUP_COMMAND_SIZE])
{
    put_header(command, TAG_ST_NO_SESSIONS, TPM_STARTUP_COMMAND_SIZE, TPM2_CC_SHUTDOWN);
    big_endian_put16(command + TPM_HEADER_SIZE, (uint16_t)type);
}
