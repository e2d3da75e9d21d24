/* cmocka wants these four headers before its own. */
#ifndef TESTS_CMOCKA_ALL_H
#define TESTS_CMOCKA_ALL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

/* What a test printed before it crashed must not die in a buffer. */
__attribute__((constructor)) static void print_line_by_line(void)
{
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
}

#endif
