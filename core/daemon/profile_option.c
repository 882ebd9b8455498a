/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon/profile_option.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tpm/profile.h"
#include "util/buffer.h"
#include "util/file.h"

bool profile_option_is_given(const struct config_profile *profile)
{
    return profile->name != NULL || profile->json != NULL || profile->file != NULL ||
           profile->fd >= 0;
}

/* The value is checked first: whoever was told to install another libtpms would find a bad one
 * refused there too. */
static int check_support(const struct config_profile *profile, struct error *error)
{
    if (profile->remove_disabled == NULL)
        return tpm_profile_require(error);
    error_set(error,
              "remove-disabled=%s is not offered: this program takes nothing out of a profile, "
              "with any libtpms; give a profile without the algorithms that OpenSSL disables here",
              profile->remove_disabled);
    return -1;
}

static int refuse_lack_of_memory(struct error *error)
{
    error_set(error, "no memory");
    return -1;
}

/* The names of profiles hold no character that JSON would want escaped; libtpms checks the rest. */
static int read_name(const char *name, char **json, struct error *error)
{
    if (strpbrk(name, "\"\\") != NULL) {
        error_set(error, "'%s' is not the name of a profile; --print-profiles lists them", name);
        return -1;
    }
    if (asprintf(json, "{\"Name\":\"%s\"}", name) >= 0)
        return 0;
    *json = NULL;
    return refuse_lack_of_memory(error);
}

static int read_json(const char *text, char **json, struct error *error)
{
    *json = strdup(text);
    return *json != NULL ? 0 : refuse_lack_of_memory(error);
}

static int read_fd(int fd, const char *name, char **json, struct error *error)
{
    struct buffer contents = {0};

    if (file_read_all(fd, name, PROFILE_OPTION_SIZE_MAX, &contents, error) != 0)
        return -1;
    if (memchr(contents.data, '\0', contents.size) != NULL) {
        error_set(error, "'%s' is not text; write a JSON object into it", name);
        buffer_free(&contents);
        return -1;
    }
    *json = strndup((const char *)contents.data, contents.size);
    buffer_free(&contents);
    return *json != NULL ? 0 : refuse_lack_of_memory(error);
}

static int read_file(const char *path, char **json, struct error *error)
{
    int fd = file_open(path, O_RDONLY, 0, error);

    if (fd < 0)
        return -1;
    int result = read_fd(fd, path, json, error);
    close(fd);
    return result;
}

static int read_inherited_fd(int fd, char **json, struct error *error)
{
    int result = read_fd(fd, "the descriptor of fd=", json, error);
    close(fd);
    return result;
}

static int read_source(const struct config_profile *profile, char **json, struct error *error)
{
    if (profile->name != NULL)
        return read_name(profile->name, json, error);
    if (profile->json != NULL)
        return read_json(profile->json, json, error);
    if (profile->file != NULL)
        return read_file(profile->file, json, error);
    return read_inherited_fd(profile->fd, json, error);
}

int profile_option_read(const struct config_profile *profile, char **json, struct error *error)
{
    *json = NULL;
    if (!profile_option_is_given(profile))
        return 0;
    if (check_support(profile, error) == 0 && read_source(profile, json, error) == 0)
        return 0;
    error_prefix(error, "option --profile: ");
    return -1;
}
