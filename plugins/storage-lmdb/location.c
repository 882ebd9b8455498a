/* SPDX-License-Identifier: BSD-3-Clause */
#include "location.h"

#include <stdlib.h>
#include <string.h>

#include "../common/failure.h"

/* Address space costs nothing; what the limit protects is the disk. */
#define MAP_SIZE_DEFAULT (SIZE_MAX / 2 < UINT64_C(64) << 30 ? SIZE_MAX / 2 : UINT64_C(64) << 30)
#define MAP_SIZE_MIN ((size_t)1 << 20)

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Decodes in place; false for a broken or a zero escape. */
static bool percent_decode(char *text)
{
    char *to = text;

    for (const char *from = text; *from != '\0'; from++) {
        if (*from != '%') {
            *to++ = *from;
            continue;
        }
        int high = hex_digit(from[1]);
        int low = high < 0 ? -1 : hex_digit(from[2]);
        if (low < 0 || high + low == 0)
            return false;
        *to++ = (char)(high << 4 | low);
        from += 2;
    }
    *to = '\0';
    return true;
}

bool location_tpm_name_is_valid(const char *name)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    size_t length = strlen(name);

    return length > 0 && length <= LOCATION_TPM_NAME_MAX && strspn(name, allowed) == length;
}

static int set_tpm(struct location *location, char *value, struct swtpm_plugin_error *error)
{
    if (!location_tpm_name_is_valid(value))
        return plugin_fail(error, SWTPM_PLUGIN_INVALID,
                           "tpm='%.160s' does not name a TPM: 1 to %d letters, digits and ._- "
                           "make a name",
                           value, LOCATION_TPM_NAME_MAX);
    location->tpm = strdup(value);
    return location->tpm == NULL
               ? plugin_fail(error, SWTPM_PLUGIN_NO_MEMORY, "no memory for a location")
               : 0;
}

static unsigned unit_shift(const char *unit)
{
    static const char units[] = "KMGT";
    const char *found = *unit == '\0' ? NULL : strchr(units, *unit);

    if (*unit == '\0')
        return 0;
    return found == NULL || unit[1] != '\0' ? UINT32_MAX : 10 * (unsigned)(found - units + 1);
}

static int set_map_size(struct location *location, char *value, struct swtpm_plugin_error *error)
{
    char *end = value;
    unsigned long long number = 0;

    if (*value >= '0' && *value <= '9')
        number = strtoull(value, &end, 10);
    unsigned shift = unit_shift(end);
    if (end == value || shift == UINT32_MAX || number > SIZE_MAX / 2 >> shift ||
        number << shift < MAP_SIZE_MIN)
        return plugin_fail(error, SWTPM_PLUGIN_INVALID,
                           "mapsize='%.160s' is no size: bytes, or a number with K, M, G or T, "
                           "from 1M on",
                           value);
    location->map_size = (size_t)number << shift;
    return 0;
}

static int set_mode(struct location *location, char *value, struct swtpm_plugin_error *error)
{
    size_t length = strlen(value);

    if (length == 0 || length > 4 || strspn(value, "01234567") != length ||
        strtoul(value, NULL, 8) > 0777)
        return plugin_fail(error, SWTPM_PLUGIN_INVALID,
                           "mode='%.160s' is no file mode: octal, at most 0777", value);
    location->mode = (mode_t)strtoul(value, NULL, 8);
    return 0;
}

static const struct {
    const char *name;
    int (*set)(struct location *location, char *value, struct swtpm_plugin_error *error);
} parameters[] = {
    {"tpm", set_tpm},
    {"mapsize", set_map_size},
    {"mode", set_mode},
};

enum { PARAMETER_COUNT = sizeof parameters / sizeof parameters[0] };

static int set_parameter(struct location *location, char *text, bool seen[PARAMETER_COUNT],
                         struct swtpm_plugin_error *error)
{
    char *value = strchr(text, '=');

    if (value == NULL)
        return plugin_fail(error, SWTPM_PLUGIN_INVALID, "'%.160s' in the location is no NAME=VALUE",
                           text);
    *value++ = '\0';
    for (size_t i = 0; i < PARAMETER_COUNT; i++) {
        if (strcmp(text, parameters[i].name) != 0)
            continue;
        if (seen[i])
            return plugin_fail(error, SWTPM_PLUGIN_INVALID, "%s= stands twice in the location",
                               text);
        seen[i] = true;
        if (!percent_decode(value))
            return plugin_fail(error, SWTPM_PLUGIN_INVALID,
                               "'%.160s' in the location has a %% that %%01 to %%FF do not cover",
                               value);
        return parameters[i].set(location, value, error);
    }
    return plugin_fail(error, SWTPM_PLUGIN_INVALID,
                       "'%.160s=' in the location is unknown; tpm=, mapsize= and mode= are known",
                       text);
}

static int parse_parameters(struct location *location, char *text, struct swtpm_plugin_error *error)
{
    bool seen[PARAMETER_COUNT] = {false};
    char *rest = text;
    int result = 0;

    for (char *part; result == 0 && (part = strsep(&rest, "&")) != NULL;)
        result = set_parameter(location, part, seen, error);
    return result;
}

static int parse(char *text, struct location *location, struct swtpm_plugin_error *error)
{
    char *query = strchr(text, '?');

    if (query != NULL)
        *query++ = '\0';
    if (!percent_decode(text) || *text == '\0')
        return plugin_fail(error, SWTPM_PLUGIN_INVALID,
                           "the location does not begin with a proper path");
    location->path = strdup(text);
    if (location->path == NULL)
        return plugin_fail(error, SWTPM_PLUGIN_NO_MEMORY, "no memory for a location");
    return query == NULL ? 0 : parse_parameters(location, query, error);
}

int location_parse_place(const char *text, mode_t mode, struct location *location,
                         struct swtpm_plugin_error *error)
{
    *location = (struct location){.map_size = MAP_SIZE_DEFAULT, .mode = mode};
    char *copy = strdup(text);
    if (copy == NULL)
        return plugin_fail(error, SWTPM_PLUGIN_NO_MEMORY, "no memory for a location");
    int result = parse(copy, location, error);
    free(copy);
    if (result != 0)
        location_free(location);
    return result;
}

int location_parse(const char *text, mode_t mode, struct location *location,
                   struct swtpm_plugin_error *error)
{
    int result = location_parse_place(text, mode, location, error);

    if (result != 0 || location->tpm != NULL)
        return result;
    location_free(location);
    return plugin_fail(error, SWTPM_PLUGIN_INVALID,
                       "the location '%.160s' names no TPM; write PATH?tpm=NAME, where "
                       "'swtpm-state list' shows the names there are",
                       text);
}

void location_free(struct location *location)
{
    free(location->path);
    free(location->tpm);
    *location = (struct location){0};
}
