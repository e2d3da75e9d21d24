/* The table of everything that can be wrong. */
#include "service/api/problem.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
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
    [PROBLEM_INVALID_QUERY] = {400,
                               "invalid_query",
                               "Bad request",
                               {"Adresteki sorgu parametreleri geçersiz.",
                                "The query parameters of the address are not valid."}},
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
    [PROBLEM_NOT_LOCAL] =
        {403,
         "not_local",
         "Forbidden",
         {"İlk hesap oluşturulana kadar yalnızca bu bilgisayardan gelen isteklere "
          "yanıt verilir.",
          "Until the first account exists, only requests from this machine are "
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
    [PROBLEM_BOT_NOT_IDLE] =
        {409,
         "bot_not_idle",
         "Conflict",
         {"Bot şu anda değiştirilemez, silinemez ya da başlatılamaz: durmuş olmalı, pozisyonu ve "
          "açık emri olmamalı.",
          "The bot cannot be changed, deleted or started right now: it must be stopped, without "
          "a position or an open order."}},
    [PROBLEM_INTERNAL] = {500,
                          "internal_error",
                          "Internal error",
                          {"Sunucuda bir sorun oluştu. Ayrıntısı bu isteğin numarasıyla günlükte.",
                           "Something failed in the server. The log has the details under this "
                           "request's id."}},
    [PROBLEM_RATE_LIMITED] = {429,
                              "rate_limited",
                              "Too many requests",
                              {"Çok fazla deneme. Lütfen daha sonra tekrar deneyin.",
                               "Too many attempts. Please try again later."}},
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
    [PROBLEM_UNAUTHENTICATED] =
        {401,
         "unauthenticated",
         "Unauthorized",
         {"Giriş yapın: oturum ya da API anahtarı yok, tanınmıyor ya da süresi doldu.",
          "Log in: there is no session or API token, or it is unknown or over."}},
    [PROBLEM_INVALID_CREDENTIALS] = {401,
                                     "invalid_credentials",
                                     "Unauthorized",
                                     {"E-posta, parola ya da kod yanlış.",
                                      "The e-mail address, the password or the code is wrong."}},
    [PROBLEM_TOTP_REQUIRED] =
        {401,
         "totp_required",
         "Unauthorized",
         {"Kimlik doğrulama uygulamanızdaki 6 haneli kodu da gönderin (totp).",
          "Send the six digits of your authenticator as well (totp)."}},
    [PROBLEM_ROLE_TOO_LOW] = {403,
                              "role_too_low",
                              "Forbidden",
                              {"Rolünüz buna yetmiyor.", "Your role does not reach that far."}},
    [PROBLEM_SCOPE_TOO_SMALL] =
        {403,
         "scope_too_small",
         "Forbidden",
         {"Bu API anahtarının kapsamı buna yetmiyor. Kendi hesabınızla giriş yapın ya da kapsamı "
          "geniş bir anahtar kullanın.",
          "This API token does not reach that far. Log in, or use a token of a wider scope."}},
    [PROBLEM_REAUTHENTICATE] =
        {403,
         "reauthenticate",
         "Forbidden",
         {"Bunun için parolanızı yeniden girin: POST /api/v1/auth/reauthenticate.",
          "Give your password again for this: POST /api/v1/auth/reauthenticate."}},
    [PROBLEM_FOREIGN_ORIGIN] = {403,
                                "foreign_origin",
                                "Forbidden",
                                {"Bu istek başka bir siteden geliyor.",
                                 "This request comes from another site."}},
    [PROBLEM_REGISTRATION_CLOSED] =
        {403,
         "registration_closed",
         "Forbidden",
         {"Bu sunucuda kayıt kapalı. Yöneticiden bir hesap isteyin.",
          "Registration is closed on this server. Ask its admin for an account."}},
    [PROBLEM_SETUP_TOKEN_WANTED] =
        {403,
         "setup_token_wanted",
         "Forbidden",
         {"İlk hesabı başka bir bilgisayardan açmak için sunucunun başlarken yazdığı kurulum "
          "anahtarını gönderin (setup_token).",
          "To make the first account from another machine, send the set-up token that the server "
          "wrote when it started (setup_token)."}},
    [PROBLEM_EMAIL_TAKEN] = {409,
                             "email_taken",
                             "Conflict",
                             {"Bu e-posta adresiyle bir hesap var.",
                              "There is an account with this e-mail address."}},
    [PROBLEM_TOTP_STATE] =
        {409,
         "totp_state",
         "Conflict",
         {"İkinci adım bu durumda değil: önce başlatın, açıksa önce kapatın.",
          "The second factor is not in that state: begin it first, or drop the one that is on."}},
    [PROBLEM_TOKENS_FULL] = {409,
                             "tokens_full",
                             "Conflict",
                             {"En çok 50 API anahtarınız olabilir. Önce birini silin.",
                              "You may have 50 API tokens. Delete one first."}},
    [PROBLEM_KEYS_FULL] = {409,
                           "keys_full",
                           "Conflict",
                           {"En çok 20 borsa anahtarınız olabilir. Önce birini silin.",
                            "You may have 20 keys of exchanges. Delete one first."}},
    [PROBLEM_INVALID_KEY] =
        {422,
         "invalid_key",
         "Unprocessable request",
         {"Bu bir borsa anahtarı olamaz. api_key: en çok 128 harf, rakam, - ve _. secret: borsanın "
          "verdiği gizli metin ya da parolasız bir Ed25519 özel anahtarı (PEM), en çok 256 bayt.",
          "This cannot be a key of an exchange. api_key: at most 128 letters, digits, - and _. "
          "secret: the secret that the exchange gave, or an Ed25519 private key (PEM) without a "
          "password, at most 256 bytes."}},
    [PROBLEM_WRONG_KEY] =
        {422,
         "wrong_key",
         "Unprocessable request",
         {"Borsa bu anahtarı kabul etmedi: anahtar ya da gizli metin yanlış, silinmiş ya da bu "
          "sunucunun IP adresine izin vermiyor.",
          "The exchange did not take this key: the key or its secret is wrong, it was deleted, or "
          "it does not allow the IP address of this server."}},
    [PROBLEM_WITHDRAWAL_ENABLED] =
        {422,
         "withdrawal_enabled",
         "Unprocessable request",
         {"Bu anahtarla para çekilebilir ya da aktarılabilir; böyle bir anahtar saklanmaz. Borsada "
          "çekme ve aktarma izni olmayan, bu sunucunun IP adresiyle sınırlı bir anahtar oluşturun "
          "ve bunu silin.",
          "This key may withdraw or transfer funds, and such a key is not kept. At the exchange, "
          "make one without these rights and restricted to the IP address of this server, and "
          "delete this one."}},
    [PROBLEM_READING_DISABLED] =
        {422,
         "reading_disabled",
         "Unprocessable request",
         {"Bu anahtarla hesap okunamıyor. Borsada okuma iznini açın.",
          "This key may not read its account. Allow reading at the exchange."}},
    [PROBLEM_VENUE_UNCLEAR] =
        {502,
         "venue_unclear",
         "Bad gateway",
         {"Borsanın bu anahtar için yanıtı anlaşılamadı; izinleri bilinmeyen bir anahtar "
          "saklanmaz.",
          "What the exchange says of this key cannot be understood, and a key whose rights are not "
          "known is not kept."}},
    [PROBLEM_LAST_ADMIN] = {409,
                            "last_admin",
                            "Conflict",
                            {"Geriye yönetici kalmazdı.", "No admin would be left."}},
    [PROBLEM_STORE_UNAVAILABLE] =
        {503,
         "store_unavailable",
         "Service unavailable",
         {"Veritabanı şu anda yanıt vermiyor. Birazdan yeniden deneyin.",
          "The database does not answer at the moment. Try again in a moment."}},
    [PROBLEM_REDIS_UNAVAILABLE] =
        {503,
         "redis_unavailable",
         "Service unavailable",
         {"Redis yanıt vermedi; oradaki sayaçlar duruyor olabilir. Birazdan yeniden deneyin.",
          "Redis did not answer, so what it counts may still be there. Try again in a moment."}},
    [PROBLEM_MAIL_NOT_CONFIGURED] =
        {503,
         "mail_not_configured",
         "Service unavailable",
         {"Bu sunucuda e-posta ayarlı değil. Parolayı sunucunun yöneticisi değiştirebilir.",
          "No e-mail is set up on this server. Its admin can change the password."}},
    [PROBLEM_STOPPING] = {503,
                          "stopping",
                          "Service unavailable",
                          {"Sunucu kapanıyor.", "The server is stopping."}},
};

/* What a field is: its name stands before these words. */
static const struct words fault_words[FAULT_COUNT] = {
    [FAULT_REQUIRED] = {0, "required", "", {"eksik", "is missing"}},
    [FAULT_UNKNOWN_FIELD] = {0,
                             "unknown_field",
                             "",
                             {"bilinen bir alan değil", "is not a known field"}},
    [FAULT_UNKNOWN_PARAMETER] = {0,
                                 "unknown_parameter",
                                 "",
                                 {"bu adresin bir sorgu parametresi değil",
                                  "is not a query parameter of this address"}},
    [FAULT_WRONG_TYPE] = {0, "wrong_type", "", {"yanlış türde", "has the wrong type"}},
    [FAULT_OUT_OF_RANGE] = {0,
                            "out_of_range",
                            "",
                            {"izin verilen aralığın dışında", "is out of range"}},
    [FAULT_INVALID] = {0, "invalid", "", {"geçersiz", "is not valid"}},
    [FAULT_NOT_FOUND] = {0, "not_found", "", {"borsada bulunamadı", "was not found at the venue"}},
    [FAULT_DUPLICATE] = {0,
                         "duplicate",
                         "",
                         {"birden çok kez verilmiş", "is given more than once"}},
    [FAULT_CONFLICT] = {0,
                        "conflict",
                        "",
                        {"diğer değerlerle uyuşmuyor", "does not fit the other values"}},
    [FAULT_LIVE_DISABLED] = {0,
                             "live_disabled",
                             "",
                             {"kabul edilmedi: gerçek emirler bu sunucuda kapalı",
                              "was refused: live trading is not enabled on this server"}},
    [FAULT_TOO_SHORT] = {0, "too_short", "", {"çok kısa", "is too short"}},
    [FAULT_TOO_LONG] = {0, "too_long", "", {"çok uzun", "is too long"}},
    [FAULT_TOO_COMMON] = {0, "too_common", "", {"çok yaygın", "is too common"}},
    [FAULT_HOLDS_EMAIL] = {0,
                           "holds_email",
                           "",
                           {"e-posta adresini içeriyor", "holds the e-mail address"}},
    [FAULT_UNSUPPORTED] = {0, "unsupported", "", {"desteklenmiyor", "is not supported"}},
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

void faults_add(struct faults *faults, const char *field, enum fault fault, const char *sent,
                const char *turkish, const char *english, ...)
{
    const bool is_turkish = faults->language == LANGUAGE_TURKISH;
    char want[FAULT_DETAIL_SIZE];
    va_list args;
    CHECK(fault < FAULT_COUNT);
    if (faults->count == FAULTS_MAX) return;
    char *name = faults->items[faults->count].field;
    char *detail = faults->items[faults->count].detail;
    va_start(args, english);
    vsnprintf(want, sizeof want, is_turkish ? turkish : english, args);
    va_end(args);
    excerpt_write(slice_of(field), name, FAULT_FIELD_SIZE);
    struct buffer text = {.limit = 2 * FAULT_DETAIL_SIZE};
    buffer_printf(&text, "%s %s", name, fault_words[fault].detail[faults->language]);
    if (*sent) buffer_printf(&text, is_turkish ? " (gönderilen: %s)" : " (sent: %s)", sent);
    buffer_printf(&text, ". %s", want);
    excerpt_write(buffer_slice(&text), detail, FAULT_DETAIL_SIZE);
    buffer_deinit(&text);
    faults->items[faults->count++].fault = fault;
}

/* The bytes of the character at the start of text; 1 where it is none. */
static size_t character_size(struct slice text)
{
    const unsigned char c = (unsigned char)text.data[0];
    const size_t size = c < 0xc0 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    return size <= text.size ? size : 1;
}

/* What must not reach a terminal or a page as it is; 0 for all else. */
static unsigned unsafe_character(const char *at, size_t size)
{
    const unsigned char *c = (const unsigned char *)at;
    if (size == 1) return c[0] < 0x20 || c[0] == 0x7f ? c[0] : 0;
    if (size == 2 && c[0] == 0xc2 && c[1] < 0xa0) return c[1];
    if (size != 3 || c[0] != 0xe2) return 0;
    const unsigned code = 0x2000 + ((c[1] & 0x3fu) << 6) + (c[2] & 0x3fu);
    const bool turns = code == 0x200e || code == 0x200f || (code >= 0x202a && code <= 0x202e) ||
                       (code >= 0x2066 && code <= 0x2069);
    return turns || code == 0x2028 || code == 0x2029 ? code : 0;
}

void excerpt_write(struct slice text, char *out, size_t size)
{
    static const char more[] = "…";
    size_t used = 0, cut = 0; /* cut: where "…" still fits */
    CHECK(size >= 8);
    while (text.size > 0) {
        char escaped[8];
        size_t step = character_size(text);
        const size_t taken = step;
        const char *bytes = text.data;
        const unsigned code = unsafe_character(bytes, step);
        if (code) {
            step = (size_t)snprintf(escaped, sizeof escaped, "\\u%04x", code & 0xffffu);
            bytes = escaped;
        }
        if (used + step >= size) {
            memcpy(out + cut, more, sizeof more);
            return;
        }
        memcpy(out + used, bytes, step);
        used += step;
        if (used + sizeof more <= size) cut = used;
        text.data += taken;
        text.size -= taken;
    }
    out[used] = '\0';
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
