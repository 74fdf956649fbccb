/* SPDX-License-Identifier: MIT */
/* The version that runs is the version of the headers, as a number and as text. */
#include "support.h"

static void test_version_number_matches_headers(void **state) {
    (void)state;
    assert_int_equal(zcn_version(), ZCN_VERSION_NUMBER);
    assert_int_equal(zcn_version() / 1000000, ZCN_VERSION_MAJOR);
    assert_int_equal(zcn_version() / 1000 % 1000, ZCN_VERSION_MINOR);
    assert_int_equal(zcn_version() % 1000, ZCN_VERSION_PATCH);
}

static void test_version_text_says_the_same(void **state) {
    (void)state;
    char expected[64];
    snprintf(expected, sizeof expected, "%u.%u.%u", zcn_version() / 1000000, zcn_version() / 1000 % 1000,
             zcn_version() % 1000);
    assert_string_equal(zcn_version_text(), expected);
    assert_ptr_equal(zcn_version_text(), zcn_version_text());
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_version_number_matches_headers),
        cmocka_unit_test(test_version_text_says_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
