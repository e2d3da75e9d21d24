/* The vault: what it seals opens in its place only, and rotation loses nothing where it stops. */
#include "service/account/vault.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmocka_all.h"

enum { ROWS = 20, SECRET_SIZE = 64, SEALED_SIZE = SECRET_SIZE + VAULT_OVERHEAD };

static char folder[64], path[96];

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/tradebot-vault-XXXXXX");
    if (!mkdtemp(folder)) return -1;
    snprintf(path, sizeof path, "%s/secret.key", folder);
    return 0;
}

static int drop_folder(void **state)
{
    (void)state;
    char beside[128];
    snprintf(beside, sizeof beside, "%s.new", path);
    unlink(beside);
    unlink(path);
    return rmdir(folder);
}

static struct vault *open_new(void)
{
    struct vault *v = NULL;
    assert_int_equal(vault_create(path), OK);
    assert_int_equal(vault_open(path, &v), OK);
    return v;
}

static struct vault_place place_of(uint64_t row)
{
    return (struct vault_place){"exchange_keys", row, 7};
}

static struct slice bytes_of(const uint8_t *bytes, size_t size)
{
    return (struct slice){(const char *)bytes, size};
}

static bool opens(struct vault *v, struct vault_place place, const uint8_t *sealed, size_t size)
{
    uint8_t plain[SEALED_SIZE];
    return vault_unseal(v, &place, bytes_of(sealed, size), plain) == OK;
}

static void write_text(const char *text, mode_t mode)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static void test_vault__what_was_sealed_opens(void **state)
{
    (void)state;
    struct vault *v = open_new();
    for (size_t size = 0; size <= VAULT_PLAIN_SIZE_MAX; size = size * 2 + 1) {
        char plain[VAULT_PLAIN_SIZE_MAX];
        uint8_t sealed[VAULT_PLAIN_SIZE_MAX + VAULT_OVERHEAD], back[VAULT_PLAIN_SIZE_MAX];
        for (size_t i = 0; i < size; i++) plain[i] = (char)(i * 31 + size);
        const struct vault_place place = place_of(size + 1);
        assert_int_equal(vault_seal(v, &place, (struct slice){plain, size}, sealed), OK);
        assert_int_equal(vault_unseal(v, &place, bytes_of(sealed, size + VAULT_OVERHEAD), back),
                         OK);
        assert_memory_equal(plain, back, size);
    }
    vault_close(v);
}

static void test_vault__the_same_secret_never_seals_alike(void **state)
{
    (void)state;
    struct vault *v = open_new();
    uint8_t first[VAULT_OVERHEAD + 3], second[VAULT_OVERHEAD + 3];
    const struct vault_place place = place_of(1);
    assert_int_equal(vault_seal(v, &place, SLICE("abc"), first), OK);
    assert_int_equal(vault_seal(v, &place, SLICE("abc"), second), OK);
    for (size_t at = 5; at + 16 <= sizeof first; at += 16)
        assert_memory_not_equal(first + at, second + at, 16);
    vault_close(v);
}

static void test_vault__a_bit_that_was_flipped_anywhere_is_refused(void **state)
{
    (void)state;
    struct vault *v = open_new();
    uint8_t sealed[VAULT_OVERHEAD + 3];
    const struct vault_place place = place_of(1);
    assert_int_equal(vault_seal(v, &place, SLICE("abc"), sealed), OK);
    for (size_t bit = 0; bit < 8 * sizeof sealed; bit++) {
        sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(opens(v, place, sealed, sizeof sealed));
        sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t size = 0; size < sizeof sealed; size++) assert_false(opens(v, place, sealed, size));
    assert_true(opens(v, place, sealed, sizeof sealed));
    vault_close(v);
}

static void test_vault__a_row_that_was_moved_is_refused(void **state)
{
    (void)state;
    struct vault *v = open_new();
    uint8_t sealed[VAULT_OVERHEAD + 3];
    const struct vault_place place = place_of(1);
    assert_int_equal(vault_seal(v, &place, SLICE("abc"), sealed), OK);
    assert_false(opens(v, (struct vault_place){"exchange_keys", 2, 7}, sealed, sizeof sealed));
    assert_false(opens(v, (struct vault_place){"exchange_keys", 1, 8}, sealed, sizeof sealed));
    assert_false(opens(v, (struct vault_place){"users", 1, 7}, sealed, sizeof sealed));
    assert_true(opens(v, place, sealed, sizeof sealed));
    vault_close(v);
}

static void test_vault__another_secret_file_opens_nothing(void **state)
{
    (void)state;
    struct vault *v = open_new();
    uint8_t sealed[VAULT_OVERHEAD + 3];
    const struct vault_place place = place_of(1);
    assert_int_equal(vault_seal(v, &place, SLICE("abc"), sealed), OK);
    vault_close(v);
    unlink(path);
    v = open_new();
    assert_false(opens(v, place, sealed, sizeof sealed));
    vault_close(v);
}

static void test_vault__a_longer_secret_is_refused(void **state)
{
    (void)state;
    struct vault *v = open_new();
    static char plain[VAULT_PLAIN_SIZE_MAX + 1];
    uint8_t sealed[sizeof plain + VAULT_OVERHEAD];
    const struct vault_place place = place_of(1);
    assert_int_equal(vault_seal(v, &place, (struct slice){plain, sizeof plain}, sealed), ERR_LIMIT);
    vault_close(v);
}

/* Stops after `stop` rows, begins again, and retires the old keys when all rows are done. */
static void rotate_with_a_stop(unsigned stop)
{
    uint8_t rows[ROWS][SEALED_SIZE];
    char secret[SECRET_SIZE];
    memset(secret, 's', sizeof secret);
    unlink(path);
    struct vault *v = open_new();
    for (unsigned i = 0; i < ROWS; i++) {
        const struct vault_place place = place_of(i);
        assert_int_equal(vault_seal(v, &place, (struct slice){secret, sizeof secret}, rows[i]), OK);
    }
    assert_int_equal(vault_rotate(v), OK);
    for (unsigned i = 0; i < stop; i++) {
        const struct vault_place place = place_of(i);
        assert_int_equal(vault_rewrap(v, &place, rows[i], SEALED_SIZE), OK);
    }
    vault_close(v);

    assert_int_equal(vault_open(path, &v), OK);
    assert_int_equal(vault_version(v), 2);
    for (unsigned i = 0; i < ROWS; i++) {
        const struct vault_place place = place_of(i);
        assert_true(opens(v, place, rows[i], SEALED_SIZE));
        assert_int_equal(vault_rewrap(v, &place, rows[i], SEALED_SIZE), OK);
        assert_int_equal(vault_sealed_version(bytes_of(rows[i], SEALED_SIZE)), 2);
    }
    assert_int_equal(vault_retire(v, vault_version(v)), OK);
    vault_close(v);

    assert_int_equal(vault_open(path, &v), OK);
    for (unsigned i = 0; i < ROWS; i++) assert_true(opens(v, place_of(i), rows[i], SEALED_SIZE));
    vault_close(v);
}

static void test_vault__rotation_may_stop_at_every_row(void **state)
{
    (void)state;
    for (unsigned stop = 0; stop <= ROWS; stop++) rotate_with_a_stop(stop);
}

static void test_vault__a_running_vault_learns_of_a_rotation_elsewhere(void **state)
{
    (void)state;
    struct vault *running = open_new(), *other = NULL;
    uint8_t sealed[VAULT_OVERHEAD + 3];
    const struct vault_place place = place_of(1);
    assert_int_equal(vault_open(path, &other), OK);
    assert_int_equal(vault_rotate(other), OK);
    assert_int_equal(vault_seal(other, &place, SLICE("abc"), sealed), OK);
    assert_true(opens(running, place, sealed, sizeof sealed));
    assert_int_equal(vault_version(running), 2);
    vault_close(other);
    vault_close(running);
}

static void test_vault__a_retired_key_is_named(void **state)
{
    (void)state;
    struct vault *v = open_new();
    uint8_t sealed[VAULT_OVERHEAD + 3], plain[3];
    const struct vault_place place = place_of(1);
    assert_int_equal(vault_seal(v, &place, SLICE("abc"), sealed), OK);
    assert_int_equal(vault_rotate(v), OK);
    assert_int_equal(vault_retire(v, vault_version(v)), OK);
    assert_int_equal(vault_unseal(v, &place, bytes_of(sealed, sizeof sealed), plain), ERR_INVALID);
    assert_non_null(strstr(err_text(), "sealed by master key 1"));
    vault_close(v);
}

static void test_vault__rotations_without_end_are_refused(void **state)
{
    (void)state;
    struct vault *v = open_new();
    for (int i = 1; i < VAULT_VERSIONS_MAX; i++) assert_int_equal(vault_rotate(v), OK);
    assert_int_equal(vault_rotate(v), ERR_LIMIT);
    assert_int_equal(vault_version(v), VAULT_VERSIONS_MAX);
    vault_close(v);
}

static void test_vault__what_a_cut_off_write_left_is_no_obstacle(void **state)
{
    (void)state;
    struct vault *v = open_new();
    char beside[128];
    snprintf(beside, sizeof beside, "%s.new", path);
    const int fd = open(beside, O_WRONLY | O_CREAT, 0600);
    assert_int_equal(write(fd, "1 ", 2), 2);
    close(fd);
    assert_int_equal(vault_rotate(v), OK);
    assert_int_not_equal(access(beside, F_OK), 0);
    vault_close(v);
}

static void test_vault__a_file_that_exists_is_never_replaced_by_a_first_key(void **state)
{
    (void)state;
    struct vault *v = open_new();
    assert_int_equal(vault_create(path), ERR_EXISTS);
    vault_close(v);
}

static void test_vault__a_file_made_here_is_for_its_owner_alone(void **state)
{
    (void)state;
    struct stat info;
    const mode_t before = umask(0);
    vault_close(open_new());
    umask(before);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
}

static void test_vault__a_file_that_others_may_read_is_refused(void **state)
{
    (void)state;
    struct vault *v = open_new();
    vault_close(v);
    for (mode_t bit = 1; bit <= 040; bit <<= 1) {
        assert_int_equal(chmod(path, 0600 | bit), 0);
        assert_int_equal(vault_open(path, &v), ERR_INVALID);
        assert_non_null(strstr(err_text(), "chmod 600"));
    }
    assert_int_equal(chmod(path, 0400), 0);
    assert_int_equal(vault_open(path, &v), OK);
    vault_close(v);
}

static void test_vault__a_file_that_is_no_key_file_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "# only a comment\n",
        "key\n",
        "1\n",
        "1 \n",
        "1 AAAA\n",
        "1 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n",
        "1 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= x\n",
        "0 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
        "-1 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
        "99999999999 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
        ("2 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
         "2 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"),
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct vault *v = NULL;
        write_text(texts[i], 0600);
        assert_int_equal(vault_open(path, &v), ERR_INVALID);
        assert_non_null(strstr(err_text(), path));
        assert_null(strstr(err_text(), "AAAA"));
    }
    write_text("# a comment\n\n3 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n", 0600);
    struct vault *v = NULL;
    assert_int_equal(vault_open(path, &v), OK);
    assert_int_equal(vault_version(v), 3);
    vault_close(v);
}

static void test_vault__an_absent_file_is_told_apart(void **state)
{
    (void)state;
    struct vault *v = NULL;
    assert_int_equal(vault_open(path, &v), ERR_NOT_FOUND);
}

static void test_vault__a_link_in_place_of_the_file_is_refused(void **state)
{
    (void)state;
    struct vault *v = open_new();
    vault_close(v);
    char real[128];
    snprintf(real, sizeof real, "%s.real", path);
    assert_int_equal(rename(path, real), 0);
    assert_int_equal(symlink(real, path), 0);
    assert_int_equal(vault_open(path, &v), ERR_IO);
    unlink(real);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, make_folder, drop_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_vault__what_was_sealed_opens),
        CASE(test_vault__the_same_secret_never_seals_alike),
        CASE(test_vault__a_bit_that_was_flipped_anywhere_is_refused),
        CASE(test_vault__a_row_that_was_moved_is_refused),
        CASE(test_vault__another_secret_file_opens_nothing),
        CASE(test_vault__a_longer_secret_is_refused),
        CASE(test_vault__rotation_may_stop_at_every_row),
        CASE(test_vault__a_running_vault_learns_of_a_rotation_elsewhere),
        CASE(test_vault__a_retired_key_is_named),
        CASE(test_vault__rotations_without_end_are_refused),
        CASE(test_vault__what_a_cut_off_write_left_is_no_obstacle),
        CASE(test_vault__a_file_that_exists_is_never_replaced_by_a_first_key),
        CASE(test_vault__a_file_made_here_is_for_its_owner_alone),
        CASE(test_vault__a_file_that_others_may_read_is_refused),
        CASE(test_vault__a_file_that_is_no_key_file_is_refused),
        CASE(test_vault__an_absent_file_is_told_apart),
        CASE(test_vault__a_link_in_place_of_the_file_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
