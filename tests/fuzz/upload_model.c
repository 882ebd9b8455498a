/* SPDX-License-Identifier: BSD-3-Clause */
#include "upload_model.h"

static enum upload_step drop(struct upload_model *model, enum upload_step step)
{
    *model = (struct upload_model){.active = false};
    return step;
}

enum upload_step upload_model_write(struct upload_model *model, size_t size)
{
    if (model->size + size > UPLOAD_MAX)
        return drop(model, UPLOAD_REFUSED_SIZE);
    model->size += size;
    return UPLOAD_GOES_ON;
}

enum upload_step upload_model_part(struct upload_model *model, bool running, uint32_t state_flags,
                                   uint32_t type, uint32_t length)
{
    if (running)
        return drop(model, UPLOAD_REFUSED_RUNNING);
    if (type < 1 || type > 3 || length > UPLOAD_PART_MAX)
        return drop(model, UPLOAD_REFUSED_PARAMETER);
    if (!model->active || model->type != type || model->state_flags != state_flags)
        *model = (struct upload_model){.type = type, .state_flags = state_flags};
    bool is_first = !model->active;
    model->active = true;
    if (upload_model_write(model, length) == UPLOAD_REFUSED_SIZE)
        return UPLOAD_REFUSED_SIZE;
    if (length == UPLOAD_PART_MAX)
        return UPLOAD_GOES_ON;
    if (!is_first || length > 0)
        return drop(model, UPLOAD_IS_WHOLE);
    model->by_write = true;
    return UPLOAD_GOES_ON;
}
