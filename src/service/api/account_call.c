/* Outcomes of the account desk in the API's words. */
#include "service/api/account_call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/utf8.h"
#include "service/api/route.h"

static void refuse_field(struct call *call, const char *field, enum fault fault,
                         const char *turkish, const char *english)
{
    struct faults faults = {.language = call->language};
    faults_add(&faults, field, fault, "", "%s", "%s",
               call->language == LANGUAGE_TURKISH ? turkish : english);
    call_faults(call, &faults);
}

static void refuse_password(struct call *call, enum password_fault fault)
{
    static const struct {
        enum fault fault;
        const char *turkish, *english;
    } rows[] = {
        [PASSWORD_TOO_SHORT] = {FAULT_TOO_SHORT, "En az 8 karakter gönderin.",
                                "Send at least 8 characters."},
        [PASSWORD_TOO_LONG] = {FAULT_TOO_LONG, "En çok 1024 bayt gönderin.",
                               "Send at most 1024 bytes."},
        [PASSWORD_HAS_CONTROL] = {FAULT_INVALID, "Denetim karakteri kullanmayın.",
                                  "Leave out control characters."},
        [PASSWORD_COMMON] = {FAULT_TOO_COMMON,
                             "Bu parola herkesin ilk deneyeceklerinden. Başka bir parola seçin, "
                             "örneğin birkaç sözcükten oluşan bir cümle.",
                             "It is among those that everybody tries first. Choose another, such "
                             "as a phrase of several words."},
        [PASSWORD_HAS_NAME] = {FAULT_HOLDS_EMAIL, "Adresinizi içermeyen bir parola seçin.",
                               "Choose one without your address in it."},
    };
    const char *field = call->route->handle == auth_register ? "password" : "new_password";
    refuse_field(call, field, rows[fault].fault, rows[fault].turkish, rows[fault].english);
}

static enum problem problem_of(enum account_outcome outcome)
{
    switch (outcome) {
    case ACCOUNT_BUSY: return PROBLEM_BUSY;
    case ACCOUNT_UNAVAILABLE: return PROBLEM_STORE_UNAVAILABLE;
    case ACCOUNT_WRONG_CREDENTIALS: return PROBLEM_INVALID_CREDENTIALS;
    case ACCOUNT_TOTP_REQUIRED: return PROBLEM_TOTP_REQUIRED;
    case ACCOUNT_EMAIL_TAKEN: return PROBLEM_EMAIL_TAKEN;
    case ACCOUNT_REGISTRATION_CLOSED: return PROBLEM_REGISTRATION_CLOSED;
    case ACCOUNT_SETUP_TOKEN_WANTED: return PROBLEM_SETUP_TOKEN_WANTED;
    case ACCOUNT_NO_MAIL: return PROBLEM_MAIL_NOT_CONFIGURED;
    case ACCOUNT_NOT_FOUND: return PROBLEM_NOT_FOUND;
    case ACCOUNT_CONFLICT: return PROBLEM_TOTP_STATE;
    case ACCOUNT_LAST_ADMIN: return PROBLEM_LAST_ADMIN;
    case ACCOUNT_REAUTHENTICATE: return PROBLEM_REAUTHENTICATE;
    case ACCOUNT_BAD_KEY: return PROBLEM_INVALID_KEY;
    case ACCOUNT_WRONG_KEY: return PROBLEM_WRONG_KEY;
    case ACCOUNT_KEY_MOVES_FUNDS: return PROBLEM_WITHDRAWAL_ENABLED;
    case ACCOUNT_KEY_READS_NOTHING: return PROBLEM_READING_DISABLED;
    case ACCOUNT_VENUE_BUSY:
    case ACCOUNT_VENUE_GONE: return PROBLEM_VENUE_FAILED;
    case ACCOUNT_VENUE_ODD: return PROBLEM_VENUE_UNCLEAR;
    default: return PROBLEM_INTERNAL;
    }
}

static void on_answer(void *user, const struct account_answer *answer)
{
    struct call *call = user;
    switch (answer->outcome) {
    case ACCOUNT_OK: call->on_account(call, answer); break;
    case ACCOUNT_BAD_PASSWORD: refuse_password(call, answer->password_fault); break;
    case ACCOUNT_BAD_EMAIL:
        refuse_field(call, "email", FAULT_INVALID,
                     "Bir e-posta adresi gönderin, örneğin \"ad@ornek.com\".",
                     "Send an e-mail address, such as \"name@example.com\".");
        break;
    case ACCOUNT_BAD_NAME:
        refuse_field(call, call->route->handle == key_add ? "label" : "name", FAULT_INVALID,
                     "Denetim karakteri içermeyen, 1 ile 64 bayt arasında bir ad gönderin.",
                     "Send a name of 1 to 64 bytes without control characters.");
        break;
    case ACCOUNT_WRONG_TOKEN:
        refuse_field(call, "token", FAULT_INVALID,
                     "Bağlantı kullanılmış ya da süresi dolmuş. Yenisini isteyin.",
                     "The link was used, or its time is over. Ask for another.");
        break;
    case ACCOUNT_WRONG_CODE:
        if (call->route->handle == self_totp_confirm)
            refuse_field(call, "code", FAULT_INVALID,
                         "Uygulamanızın şu anda gösterdiği 6 haneli kodu gönderin.",
                         "Send the six digits that your authenticator shows at the moment.");
        else
            call_problem(call, PROBLEM_INVALID_CREDENTIALS);
        break;
    case ACCOUNT_LIMIT:
        call_problem(call, call->route->handle == self_token_add ? PROBLEM_TOKENS_FULL
                           : call->route->handle == key_add      ? PROBLEM_KEYS_FULL
                                                                 : PROBLEM_LIMIT_REACHED);
        break;
    case ACCOUNT_FAILED: call_failed(call, call->route->id, "the account desk failed"); break;
    default: call_problem(call, problem_of(answer->outcome)); break;
    }
}

struct account_request account_request_of(struct call *call, const struct http_request *request,
                                          void (*on_good)(struct call *call,
                                                          const struct account_answer *answer))
{
    struct account_request r = {
        .origin = {.now_ms = api_now_ms(), .is_local = call->is_local},
        .who = call->who,
    };
    const struct slice agent = http_header_get(&request->headers, "User-Agent");
    snprintf(r.origin.address, sizeof r.origin.address, "%s", call->address);
    snprintf(r.origin.request_id, sizeof r.origin.request_id, "%s", call->id);
    if (utf8_is_valid(agent)) excerpt_write(agent, r.origin.agent, sizeof r.origin.agent);
    call->on_account = on_good;
    return r;
}

static void on_late(struct call *call)
{
    call_problem(call, PROBLEM_STORE_UNAVAILABLE);
}

static void on_ticket(void *user, const struct account_answer *answer)
{
    struct call **ticket = user, *call = *ticket;
    free(ticket);
    if (!call) return;
    call->ticket = NULL;
    call->deadline_ms = 0;
    on_answer(call, answer);
}

void account_ask(struct call *call, const struct account_request *r,
                 void (*ask)(struct account_desk *desk, const struct account_request *request))
{
    struct account_request request = *r;
    call->ticket = malloc(sizeof *call->ticket);
    CHECK(call->ticket);
    *call->ticket = call;
    request.done = on_ticket;
    request.user = call->ticket;
    call_wait(call, call->api->options.account_wait_ms, NULL, on_late);
    ask(call->api->options.account_desk, &request);
}
