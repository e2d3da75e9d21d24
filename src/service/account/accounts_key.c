/* Keys of exchanges: added after the venue was asked about them, and ended. */
#include <stddef.h>

#include "core/model/instrument.h"
#include "service/account/desk_call.h"
#include "service/account/exchange_secret.h"
#include "service/account/key_rotation.h"

struct sealing {
    struct sql *db;
    struct account_call *call;
};

/* An error of the vault is not the world's that the store would wait for. */
static enum err seal(void *user, uint64_t id, struct store_key_sealed *out)
{
    const struct sealing *sealing = user;
    const struct account_request *r = &sealing->call->request;
    struct vault *vault = desk_call_accounts(sealing->call)->vault;
    enum err err = key_rotation_hold(sealing->db, vault);
    if (err) return err;
    err = exchange_secret_seal(vault, id, sealing->call->user.id, r->api_key, r->secret, out);
    return err ? err_note(ERR_INVALID, "while sealing an exchange key") : OK;
}

static enum err apply_add_key(struct sql *db, struct account_call *call)
{
    struct store_key *key = &call->answer.key;
    struct sealing sealing = {db, call};
    uint32_t count = 0;
    enum err err = key_store_count(db, call->user.id, &count);
    if (err) return err;
    if (count >= EXCHANGE_KEYS_MAX) return desk_call_refused(call, ACCOUNT_LIMIT);
    err = key_store_add(db, key, seal, &sealing, &key->id);
    call->answer.id = key->id;
    return err;
}

/* A key that can move funds was shown to us: its owner should know that it was. */
static void refuse(struct account_call *call, enum account_outcome outcome)
{
    call->answer.outcome = outcome;
    if (outcome != ACCOUNT_KEY_MOVES_FUNDS) {
        desk_call_answer(call);
        return;
    }
    desk_call_audit(call, "key_refused", call->user.id, call->user.email, "%s %s",
                    venue_name((enum venue)call->request.venue), call->answer.key.masked);
    desk_call_change(call, 0, NULL);
}

static void on_probed(struct account_probe *probe)
{
    struct account_call *call =
        (struct account_call *)(void *)((char *)probe - offsetof(struct account_call, probe));
    struct store_key *key = &call->answer.key;
    if (probe->outcome != ACCOUNT_OK) {
        refuse(call, probe->outcome);
        return;
    }
    key->permissions = probe->permissions;
    key->ip_restricted = probe->ip_restricted;
    desk_call_audit(call, "key_added", call->user.id, call->user.email, "%s %s",
                    venue_name((enum venue)call->request.venue), key->masked);
    desk_call_change(call, 0, apply_add_key);
}

static enum account_outcome check(const struct account_call *call)
{
    const struct account_request *r = &call->request;
    if (!account_is_fresh(&r->who, r->origin.now_ms)) return ACCOUNT_REAUTHENTICATE;
    if (!desk_call_name_is_good(r->name)) return ACCOUNT_BAD_NAME;
    if (r->api_key.size == 0 || r->api_key.size > EXCHANGE_API_KEY_SIZE_MAX ||
        r->secret.size == 0 || r->secret.size > EXCHANGE_SECRET_SIZE_MAX)
        return ACCOUNT_BAD_KEY;
    return ACCOUNT_OK;
}

void account_add_key(struct account_desk *desk, const struct account_request *request)
{
    struct account_call *call = desk_call_of(desk, request);
    if (!call) return;
    const enum account_outcome outcome = check(call);
    if (outcome != ACCOUNT_OK) {
        desk_call_refuse(call, outcome);
        return;
    }
    const struct account_request *r = &call->request;
    struct store_key *key = &call->answer.key;
    *key = (struct store_key){
        .user_id = call->user.id, .venue = r->venue, .created_ms = r->origin.now_ms};
    slice_copy(r->name, key->label, sizeof key->label);
    exchange_key_mask(r->api_key, key->masked);
    call->probe = (struct account_probe){
        .venue = r->venue, .api_key = r->api_key, .secret = r->secret, .on_done = on_probed};
    const struct account_port *port = desk_call_port(call);
    if (!port->probe(port->self, &call->probe)) desk_call_refuse(call, ACCOUNT_BUSY);
}

static enum err apply_end_key(struct sql *db, struct account_call *call)
{
    return key_store_end(db, call->user.id, call->request.target_id);
}

void account_end_key(struct account_desk *desk, const struct account_request *request)
{
    struct account_call *call = desk_call_of(desk, request);
    if (!call) return;
    call->not_found = ACCOUNT_NOT_FOUND;
    desk_call_audit(call, "key_ended", call->user.id, call->user.email, "key %llu",
                    (unsigned long long)call->request.target_id);
    desk_call_change(call, 0, apply_end_key);
}
