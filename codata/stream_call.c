/* codata/stream_call.c -- the functions that operators are given. */
#include "codata/stream_internal.h"

static int resolve_name(const weft_stream_t *s, const char *who, struct weft_call *call,
                        uint64_t *tag)
{
        const struct weft_function *function = NULL;
        struct weft_type in = { s->item_bytes, weft_stream_align(s->item_bytes), s->tag };
        int rc = weft_function_find(call->name, &function);
        if (!rc)
                rc = weft_function_check(function, &in, NULL);
        if (rc) {
                weft_stream_say("%s: %s", who, weft_function_detail());
                return rc;
        }
        call->item = function->kind == WEFT_FUNCTION_ITEM ? function->item : NULL;
        call->chunk = call->item ? NULL : function->chunk;
        call->out_bytes = function->out.bytes;
        *tag = function->out.tag;
        return 0;
}

int weft_stream_resolve(const weft_stream_t *s, const char *who, struct weft_call *call,
                        uint64_t *tag)
{
        *tag = 0;
        if (call->name) {
                int rc = call->item || call->chunk ? -EINVAL
                                                   : resolve_name(s, who, call, tag);
                if (rc)
                        return rc;
        }
        if (!call->item == !call->chunk) {
                weft_stream_say("%s: one function is wanted", who);
                return -EINVAL;
        }
        if (call->in_bytes && call->in_bytes != s->item_bytes) {
                weft_stream_say("%s: takes items of %u bytes, gets %u", who,
                                call->in_bytes, s->item_bytes);
                return -EPROTO;
        }
        call->in_bytes = s->item_bytes;
        if (!call->name && !call->out_bytes)
                call->out_bytes = call->in_bytes;
        return 0;
}

weft_stream_t *weft_stream_check(weft_stream_t *up, const char *who,
                                 struct weft_call *call, uint64_t *tag)
{
        if (!up)
                return weft_stream_spoil(NULL, -EINVAL, "%s: no stream (NULL)", who);
        if (weft_stream_broken(up))
                return up;
        int rc = weft_stream_resolve(up, who, call, tag);
        return rc ? weft_stream_spoil(up, rc, NULL) : NULL;
}
