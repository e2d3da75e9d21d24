/* The rules, cheapest first. */
#include "service/account/password_rules.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

/* A word longer than this is in no list. */
enum { WORD_SIZE_MAX = 64, NAME_MARGIN = 4 };

static size_t character_count(struct slice text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.size; i++) count += ((unsigned char)text.data[i] & 0xC0) != 0x80;
    return count;
}

static bool has_control(struct slice text)
{
    for (size_t i = 0; i < text.size; i++)
        if ((unsigned char)text.data[i] < 0x20 || text.data[i] == 0x7F) return true;
    return false;
}

static void lower(struct slice text, char *out)
{
    for (size_t i = 0; i < text.size; i++) out[i] = (char)tolower((unsigned char)text.data[i]);
}

/* The word that begins at `at`, without its line end. */
static struct slice word_at(size_t at)
{
    const char *end = memchr(common_passwords + at, '\n', common_passwords_size - at);
    return (struct slice){common_passwords + at, (size_t)(end - (common_passwords + at))};
}

static int compare(struct slice a, struct slice b)
{
    const size_t size = a.size < b.size ? a.size : b.size;
    const int order = memcmp(a.data, b.data, size);
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

/* Halves the text, each time going back to the beginning of the word it fell into. */
static bool is_common(struct slice password)
{
    char text[WORD_SIZE_MAX];
    if (password.size > sizeof text) return false;
    lower(password, text);
    const struct slice wanted = {text, password.size};
    size_t low = 1, high = common_passwords_size; /* beginnings of words, high beyond the last */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        while (common_passwords[middle - 1] != '\n') middle--;
        const struct slice word = middle < common_passwords_size ? word_at(middle) : wanted;
        const int order = compare(word, wanted);
        if (order == 0) return middle < common_passwords_size;
        if (order < 0)
            low = middle + word.size + 1;
        else
            high = middle;
    }
    return false;
}

static bool contains(struct slice text, struct slice part)
{
    return part.size > 0 && memmem(text.data, text.size, part.data, part.size) != NULL;
}

/* The name alone, or dressed up with a few characters; a long password may well hold it. */
static bool has_name(struct slice password, const char *email)
{
    char text[WORD_SIZE_MAX * 4];
    const struct slice whole = slice_of(email);
    const char *at = strchr(email, '@');
    const struct slice name = {email, at ? (size_t)(at - email) : whole.size};
    if (password.size > sizeof text) return false;
    lower(password, text);
    const struct slice lowered = {text, password.size};
    return contains(lowered, whole) ||
           (password.size <= name.size + NAME_MARGIN && contains(lowered, name));
}

enum password_fault password_check(struct slice password, const char *email)
{
    if (password.size > PASSWORD_SIZE_MAX) return PASSWORD_TOO_LONG;
    if (has_control(password)) return PASSWORD_HAS_CONTROL;
    if (character_count(password) < PASSWORD_LENGTH_MIN) return PASSWORD_TOO_SHORT;
    if (is_common(password)) return PASSWORD_COMMON;
    return has_name(password, email) ? PASSWORD_HAS_NAME : PASSWORD_GOOD;
}
