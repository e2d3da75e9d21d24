/* Loop, raw peer and certificates for the tests of io/net. */
#include "io/net/net_fixture.h"

#include "cmocka_all.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

static void on_open(struct conn *c);
static void on_data(struct conn *c, struct slice bytes);
static void on_close(struct conn *c, enum err reason, const char *text);
static void on_too_long(uv_timer_t *timer);
static void on_timer_closed(uv_handle_t *handle);

const struct conn_handler raw_peer_handler = {
    .on_open = on_open,
    .on_data = on_data,
    .on_close = on_close,
};

void run_until(uv_loop_t *loop, bool (*condition)(const void *data), const void *data)
{
    bool is_late = false;
    bool is_timer_closed = false;
    uv_timer_t timer = {.data = &is_late};
    uv_timer_init(loop, &timer);
    uv_update_time(loop);
    uv_timer_start(&timer, on_too_long, FIXTURE_WAIT_MS, 0);
    while (!condition(data) && !is_late) uv_run(loop, UV_RUN_ONCE);
    timer.data = &is_timer_closed;
    uv_close((uv_handle_t *)&timer, on_timer_closed);
    while (!is_timer_closed) uv_run(loop, UV_RUN_NOWAIT);
    if (is_late) fail_msg("the condition did not come true in time");
}

bool is_true(const void *flag)
{
    return *(const volatile bool *)flag;
}

void loop_finish(uv_loop_t *loop)
{
    uv_run(loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(loop), 0);
}

void raw_peer_dial(struct raw_peer *p, uv_loop_t *loop, uint16_t port)
{
    raw_peer_dial_with(p, loop, &(struct conn_dial){.host = "127.0.0.1", .port = port});
}

void raw_peer_dial_with(struct raw_peer *p, uv_loop_t *loop, const struct conn_dial *dial)
{
    *p = (struct raw_peer){0};
    struct conn_dial mine = *dial;
    mine.handler = &raw_peer_handler;
    mine.user = p;
    assert_int_equal(conn_dial(loop, &mine, &p->conn), OK);
}

void raw_peer_send(struct raw_peer *p, const char *text)
{
    assert_non_null(p->conn);
    (void)conn_write(p->conn, slice_of(text));
}

unsigned raw_peer_count(const struct raw_peer *p, const char *text)
{
    unsigned count = 0;
    const size_t size = strlen(text);
    const char *at = p->got.data;
    const char *end = at + p->got.size;
    while (at && (at = memmem(at, (size_t)(end - at), text, size)) != NULL) {
        count++;
        at += size;
    }
    return count;
}

void raw_peer_deinit(struct raw_peer *p)
{
    if (p->conn) {
        conn_set_handler(p->conn, NULL, NULL);
        conn_abort(p->conn);
    }
    buffer_deinit(&p->got);
}

void certificate_make(const char *name, const char *certificate_file, const char *key_file)
{
    certificate_make_for(name, 3600, certificate_file, key_file);
}

void certificate_make_for(const char *name, long valid_s, const char *certificate_file,
                          const char *key_file)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    assert_non_null(key);
    X509 *certificate = X509_new();
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), valid_s < 0 ? 2 * valid_s : -60);
    X509_gmtime_adj(X509_getm_notAfter(certificate), valid_s);
    X509_set_pubkey(certificate, key);
    X509_NAME *subject = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(certificate, subject);
    char alternative[300];
    struct in_addr address;
    snprintf(alternative, sizeof alternative, "%s:%s",
             inet_pton(AF_INET, name, &address) == 1 ? "IP" : "DNS", name);
    const struct {
        int nid;
        const char *value;
    } extensions[] = {{NID_subject_alt_name, alternative}, {NID_basic_constraints, "CA:TRUE"}};
    for (size_t i = 0; i < 2; i++) {
        X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, extensions[i].nid, extensions[i].value);
        assert_non_null(e);
        X509_add_ext(certificate, e, -1);
        X509_EXTENSION_free(e);
    }
    assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
    FILE *file = fopen(certificate_file, "w");
    assert_non_null(file);
    PEM_write_X509(file, certificate);
    fclose(file);
    file = fopen(key_file, "w");
    assert_non_null(file);
    PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL);
    fclose(file);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

static void on_open(struct conn *c)
{
    struct raw_peer *p = conn_user(c);
    assert_false(p->is_closed);
    p->is_open = true;
}

static void on_data(struct conn *c, struct slice bytes)
{
    struct raw_peer *p = conn_user(c);
    assert_true(p->is_open);
    assert_false(p->is_closed);
    buffer_append(&p->got, bytes.data, bytes.size);
}

static void on_close(struct conn *c, enum err reason, const char *text)
{
    struct raw_peer *p = conn_user(c);
    assert_false(p->is_closed);
    p->is_closed = true;
    p->reason = reason;
    snprintf(p->text, sizeof p->text, "%s", text);
    p->conn = NULL;
}

static void on_too_long(uv_timer_t *timer)
{
    bool *is_late = timer->data;
    *is_late = true;
}

static void on_timer_closed(uv_handle_t *handle)
{
    bool *is_timer_closed = handle->data;
    *is_timer_closed = true;
}
