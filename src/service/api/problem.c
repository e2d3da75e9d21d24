/* The table of everything that can be wrong. */
#include "service/api/problem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "io/net/http_head.h"

struct words {
    int status;
    const char *code, *title;
    const char *detail[2]; /* by enum language */
};

static const struct words problems[PROBLEM_COUNT] = {
    [PROBLEM_BAD_REQUEST] = {400,
                             "malformed_request",
                             "Bad request",
                             {"İstek, geçerli bir HTTP/1.1 isteği değil.",
                              "The request is not valid HTTP/1.1."}},
    [PROBLEM_TOO_SLOW] = {408,
                          "request_timeout",
                          "Request timeout",
                          {"İstek çok yavaş geldi. Bağlantınızı denetleyip yeniden deneyin.",
                           "The request came too slowly. Check the connection and try again."}},
    [PROBLEM_BODY_TOO_LARGE] = {413,
                                "body_too_large",
                                "Content too large",
                                {"İstek gövdesi çok büyük: en çok 65536 bayt olabilir.",
                                 "The request body is too large: it may have 65536 bytes."}},
    [PROBLEM_TARGET_TOO_LONG] = {414,
                                 "target_too_long",
                                 "URI too long",
                                 {"İstenen adres çok uzun: istek satırı en çok 8192 bayt olabilir.",
                                  "The requested address is too long: the request line may have "
                                  "8192 bytes."}},
    [PROBLEM_EXPECTATION_FAILED] = {417,
                                    "expectation_failed",
                                    "Expectation failed",
                                    {"Expect başlığında yalnızca 100-continue olabilir.",
                                     "The Expect header may only say 100-continue."}},
    [PROBLEM_HEADERS_TOO_LARGE] = {431,
                                   "headers_too_large",
                                   "Request header fields too large",
                                   {"İstek başlıkları çok büyük: en çok 100 satır ve 32768 bayt "
                                    "olabilir.",
                                    "The request's headers are too large: they may have 100 lines "
                                    "and 32768 bytes."}},
    [PROBLEM_NOT_IMPLEMENTED] = {501,
                                 "not_implemented",
                                 "Not implemented",
                                 {"Bu HTTP yöntemi ya da aktarım kodlaması desteklenmiyor.",
                                  "This HTTP method or transfer coding is not supported."}},
    [PROBLEM_VERSION_UNSUPPORTED] = {505,
                                     "version_unsupported",
                                     "HTTP version not supported",
                                     {"Bu HTTP sürümü desteklenmiyor. HTTP/1.1 kullanın.",
                                      "This version of HTTP is not supported. Use HTTP/1.1."}},
    [PROBLEM_NOT_JSON] = {400,
                          "not_json",
                          "Bad request",
                          {"İstek gövdesi geçerli bir JSON nesnesi değil.",
                           "The request body is not a valid JSON object."}},
    [PROBLEM_TOO_DEEP] = {400,
                          "json_too_deep",
                          "Bad request",
                          {"JSON çok fazla iç içe geçmiş.", "The JSON is nested too deeply."}},
    [PROBLEM_BAD_TARGET] = {400,
                            "bad_target",
                            "Bad request",
                            {"İstenen adres anlaşılamadı.",
                             "The requested address cannot be understood."}},
    [PROBLEM_NOT_LOCAL] = {403,
                           "not_local",
                           "Forbidden",
                           {"Hesap oluşturulana kadar yalnızca bu bilgisayardan gelen isteklere "
                            "yanıt verilir.",
                            "Until accounts exist, only requests from this machine are "
                            "answered."}},
    [PROBLEM_NOT_FOUND] = {404,
                           "not_found",
                           "Not found",
                           {"Burada böyle bir şey yok.", "There is no such thing here."}},
    [PROBLEM_UNKNOWN_VENUE] = {404,
                               "unknown_venue",
                               "Not found",
                               {"Böyle bir borsa yok ya da burada sunulmuyor.",
                                "There is no such venue, or it is not offered here."}},
    [PROBLEM_UNKNOWN_SYMBOL] = {404,
                                "unknown_symbol",
                                "Not found",
                                {"Borsada böyle bir sembol yok.", "The venue has no such symbol."}},
    [PROBLEM_METHOD_NOT_ALLOWED] = {405,
                                    "method_not_allowed",
                                    "Method not allowed",
                                    {"Bu adres bu yöntemi kabul etmiyor.",
                                     "This address does not take this method."}},
    [PROBLEM_UNSUPPORTED_MEDIA_TYPE] = {415,
                                        "unsupported_media_type",
                                        "Unsupported media type",
                                        {"İçerik türü application/json olmalı.",
                                         "The content type must be application/json."}},
    [PROBLEM_INVALID_FIELDS] = {422,
                                "invalid_fields",
                                "Unprocessable request",
                                {"İsteğin bazı alanları geçersiz.",
                                 "Some fields of the request are not valid."}},
    [PROBLEM_BOT_REFUSED] = {422,
                             "bot_refused",
                             "Unprocessable request",
                             {"Bot bu ayarlarla oluşturulamaz.",
                              "The bot cannot be made with these settings."}},
    [PROBLEM_INTERNAL] = {500,
                          "internal_error",
                          "Internal error",
                          {"Sunucuda bir sorun oluştu. Ayrıntısı bu isteğin numarasıyla günlükte.",
                           "Something failed in the server. The log has the details under this "
                           "request's id."}},
    [PROBLEM_BUSY] = {503,
                      "busy",
                      "Service unavailable",
                      {"Şu anda çok fazla istek işleniyor. Birazdan yeniden deneyin.",
                       "Too many requests are under way. Try again in a moment."}},
    [PROBLEM_MARKET_NOT_READY] = {503,
                                  "market_not_ready",
                                  "Service unavailable",
                                  {"Bu piyasanın verisi henüz gelmedi. Birazdan yeniden deneyin.",
                                   "This market's data is not there yet. Try again in a "
                                   "moment."}},
    [PROBLEM_VENUE_FAILED] = {503,
                              "venue_failed",
                              "Service unavailable",
                              {"Borsa yanıt vermedi ya da isteği reddetti.",
                               "The venue did not answer, or refused the request."}},
    [PROBLEM_LIMIT_REACHED] = {503,
                               "limit_reached",
                               "Service unavailable",
                               {"Bu sunucunun sınırına ulaşıldı.",
                                "A limit of this server is reached."}},
    [PROBLEM_STOPPING] = {503,
                          "stopping",
                          "Service unavailable",
                          {"Sunucu kapanıyor.", "The server is stopping."}},
};

static const struct words fault_words[FAULT_COUNT] = {
    [FAULT_REQUIRED] = {0, "required", "", {"Bu alan gerekli", "This field is required"}},
    [FAULT_UNKNOWN_FIELD] = {0, "unknown_field", "", {"Böyle bir alan yok", "No such field"}},
    [FAULT_WRONG_TYPE] = {0,
                          "wrong_type",
                          "",
                          {"Değerin türü yanlış", "The value has the wrong type"}},
    [FAULT_OUT_OF_RANGE] = {0,
                            "out_of_range",
                            "",
                            {"Değer izin verilen aralığın dışında", "The value is out of range"}},
    [FAULT_INVALID] = {0, "invalid", "", {"Değer geçersiz", "The value is not valid"}},
    [FAULT_NOT_FOUND] = {0, "not_found", "", {"Borsada bulunamadı", "Not found at the venue"}},
    [FAULT_DUPLICATE] = {0, "duplicate", "", {"Birden çok kez verilmiş", "Given more than once"}},
    [FAULT_CONFLICT] = {0,
                        "conflict",
                        "",
                        {"Diğer değerlerle uyuşmuyor", "Does not fit the other values"}},
    [FAULT_LIVE_DISABLED] = {0,
                             "live_disabled",
                             "",
                             {"Gerçek emirler bu sunucuda kapalı",
                              "Live trading is not enabled on this server"}},
    [FAULT_UNSUPPORTED] = {0, "unsupported", "", {"Desteklenmiyor", "Not supported"}},
};

int problem_status(enum problem problem)
{
    CHECK(problem < PROBLEM_COUNT);
    return problems[problem].status;
}

enum problem problem_of_status(int status)
{
    if (status == 400) return PROBLEM_BAD_REQUEST;
    for (unsigned i = 0; i < PROBLEM_COUNT; i++)
        if (problems[i].status == status) return (enum problem)i;
    return PROBLEM_INTERNAL;
}

const char *problem_code(enum problem problem)
{
    CHECK(problem < PROBLEM_COUNT);
    return problems[problem].code;
}

const char *problem_title(enum problem problem)
{
    CHECK(problem < PROBLEM_COUNT);
    return problems[problem].title;
}

const char *problem_detail(enum problem problem, enum language language)
{
    CHECK(problem < PROBLEM_COUNT);
    return problems[problem].detail[language];
}

const char *fault_code(enum fault fault)
{
    CHECK(fault < FAULT_COUNT);
    return fault_words[fault].code;
}

const char *fault_detail(enum fault fault, enum language language)
{
    CHECK(fault < FAULT_COUNT);
    return fault_words[fault].detail[language];
}

enum fault fault_from_code(const char *code)
{
    for (unsigned i = 0; i < FAULT_COUNT; i++)
        if (strcmp(fault_words[i].code, code) == 0) return (enum fault)i;
    return FAULT_INVALID;
}

void faults_add(struct faults *faults, const char *field, enum fault fault, const char *note)
{
    if (faults->count == FAULTS_MAX) return;
    snprintf(faults->items[faults->count].field, FAULT_FIELD_SIZE, "%s", field);
    snprintf(faults->items[faults->count].note, FAULT_NOTE_SIZE, "%s", note);
    faults->items[faults->count].fault = fault;
    faults->count++;
}

/* "tr", "tr-TR" and the like. */
static bool is_range(struct slice range, const char *language)
{
    if (range.size < 2 || (range.size > 2 && range.data[2] != '-')) return false;
    return http_text_equal((struct slice){range.data, 2}, slice_of(language));
}

/* Of ";q=0.8" in thousandths; 1000 where there is none, 0 for what cannot be read. */
static unsigned weight_of(struct slice parameters)
{
    const char *q = memmem(parameters.data, parameters.size, "q=", 2);
    if (!q) return 1000;
    q += 2;
    const char *end = parameters.data + parameters.size;
    unsigned weight = 0, place = 1000;
    for (; q < end && place > 0; q++) {
        if (*q == '.') continue;
        if (*q < '0' || *q > '9') break;
        weight += (unsigned)(*q - '0') * place;
        place /= 10;
    }
    return weight > 1000 ? 1000 : weight;
}

enum language language_of(struct slice accept_language, enum language otherwise)
{
    unsigned best = 0;
    enum language found = otherwise;
    const char *at = accept_language.data, *end = at + accept_language.size;
    while (at && at < end) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        const char *stop = comma ? comma : end;
        while (at < stop && *at == ' ') at++;
        const char *semicolon = memchr(at, ';', (size_t)(stop - at));
        const char *name_end = semicolon ? semicolon : stop;
        while (name_end > at && name_end[-1] == ' ') name_end--;
        const struct slice range = {at, (size_t)(name_end - at)};
        const unsigned weight =
            semicolon ? weight_of((struct slice){semicolon, (size_t)(stop - semicolon)}) : 1000;
        if (weight > best && (is_range(range, "tr") || is_range(range, "en"))) {
            best = weight;
            found = is_range(range, "tr") ? LANGUAGE_TURKISH : LANGUAGE_ENGLISH;
        }
        at = comma ? comma + 1 : end;
    }
    return found;
}
