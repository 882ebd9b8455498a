/* SPDX-License-Identifier: BSD-3-Clause */
#include "util/edit_distance.h"

#include <stdint.h>
#include <string.h>

static size_t smaller(size_t one, size_t other)
{
    return one < other ? one : other;
}

size_t edit_distance(const char *one, const char *other)
{
    /* distance[i][j]: between the first i characters of one and the first j of the other. */
    size_t distance[EDIT_DISTANCE_NAME_MAX + 1][EDIT_DISTANCE_NAME_MAX + 1];
    size_t rows = strlen(one);
    size_t columns = strlen(other);

    if (rows > EDIT_DISTANCE_NAME_MAX || columns > EDIT_DISTANCE_NAME_MAX)
        return SIZE_MAX;
    for (size_t i = 0; i <= rows; i++)
        distance[i][0] = i;
    for (size_t j = 0; j <= columns; j++)
        distance[0][j] = j;
    for (size_t i = 1; i <= rows; i++) {
        for (size_t j = 1; j <= columns; j++) {
            size_t replaced = distance[i - 1][j - 1] + (one[i - 1] != other[j - 1]);
            size_t moved = smaller(distance[i - 1][j], distance[i][j - 1]) + 1;
            distance[i][j] = smaller(replaced, moved);
            if (i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1])
                distance[i][j] = smaller(distance[i][j], distance[i - 2][j - 2] + 1);
        }
    }
    return distance[rows][columns];
}

int edit_distance_is_near(size_t distance, const char *typed)
{
    size_t allowed = strlen(typed) / 3;
    return distance <= (allowed > 0 ? allowed : 1);
}
