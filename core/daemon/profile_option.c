/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/profile_option.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "tpm/profile.h"
#include "util/buffer.h"
#include "util/file.h"

/* libtpms' own profiles have some kilobytes. */
enum { PROFILE_MAX = 64 * 1024 };

static bool is_given(const struct config_profile *profile)
{
    return profile->name != NULL || profile->json != NULL || profile->file != NULL ||
           profile->fd >= 0;
}

int profile_option_check(const struct config_profile *profile, struct error *error)
{
    if (!is_given(profile) && profile->remove_disabled == NULL)
        return 0;
    if (tpm_profile_require(error) != 0) {
        error_prefix(error, "option --profile: ");
        return -1;
    }
    if (profile->remove_disabled == NULL)
        return 0;
    error_set(error, "option --profile: remove-disabled=%s is not offered by this build (see "
                     "--print-capabilities); give a profile without the algorithms that OpenSSL "
                     "disables here",
              profile->remove_disabled);
    return -1;
}

static int read_file(const struct config_profile *profile, struct buffer *json,
                     struct error *error)
{
    const char *name = profile->file != NULL ? profile->file : "the descriptor of fd=";
    int fd = profile->file != NULL ? file_open(profile->file, O_RDONLY, 0, error) : profile->fd;

    if (fd < 0)
        return -1;
    int result = file_read_all(fd, name, PROFILE_MAX, json, error);
    close(fd);
    return result;
}

/* The names of profiles hold no character that JSON would want escaped; libtpms checks the rest. */
static int name_as_json(const char *name, struct buffer *json, struct error *error)
{
    if (strpbrk(name, "\"\\") == NULL && buffer_append(json, "{\"Name\":\"", 9) == 0 &&
        buffer_append(json, name, strlen(name)) == 0 && buffer_append(json, "\"}", 2) == 0)
        return 0;
    error_set(error, "'%s' is not the name of a profile", name);
    return -1;
}

static int get_json(const struct config_profile *profile, struct buffer *json, struct error *error)
{
    if (profile->name != NULL)
        return name_as_json(profile->name, json, error);
    if (profile->json != NULL)
        return buffer_append(json, profile->json, strlen(profile->json));
    return read_file(profile, json, error);
}

int profile_option_apply(const struct config_profile *profile, struct error *error)
{
    struct buffer json = {0};

    if (!is_given(profile))
        return 0;
    error_set(error, "no memory for the profile");
    int result = get_json(profile, &json, error);
    if (result == 0)
        result = buffer_append(&json, "", 1);
    if (result == 0)
        result = tpm_profile_set((const char *)json.data, error);
    if (result != 0)
        error_prefix(error, "option --profile: ");
    buffer_free(&json);
    return result;
}
