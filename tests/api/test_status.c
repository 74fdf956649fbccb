/* SPDX-License-Identifier: MIT */
/* Every status has its name and text, and its value for ever. */
#include "support.h"

static const struct {
    zcn_status value;
    const char *name;
    const char *text;
} table[] = {
#define ROW(name, value, text) {value, #name, text},
    ZCN_STATUS_TABLE(ROW)
#undef ROW
};
#define TABLE_SIZE (sizeof table / sizeof *table)

static void test_status_names_and_texts_are_the_tables(void **state) {
    (void)state;
    for (size_t i = 0; i < TABLE_SIZE; i++) {
        assert_string_equal(zcn_status_name(table[i].value), table[i].name);
        assert_string_equal(zcn_status_text(table[i].value), table[i].text);
        assert_int_equal(strncmp(table[i].name, "ZCN_", 4), 0);
        const size_t length = strlen(table[i].text);
        assert_true(length > 0 && table[i].text[length - 1] != '.');
    }
}

static void test_status_no_value_or_name_twice(void **state) {
    (void)state;
    for (size_t i = 0; i < TABLE_SIZE; i++)
        for (size_t k = i + 1; k < TABLE_SIZE; k++) {
            assert_int_not_equal(table[i].value, table[k].value);
            assert_string_not_equal(table[i].name, table[k].name);
        }
}

/* Programs are compiled with these numbers in them: written here a second time, so that a change is noticed. */
static void test_status_values_are_pinned(void **state) {
    (void)state;
    static const struct {
        zcn_status value;
        zcn_status pinned;
    } values[] = {
        {ZCN_OK, 0},
        {ZCN_AGAIN, 1},
        {ZCN_EOF, 2},
        {ZCN_EINVAL, -1},
        {ZCN_ENOMEM, -2},
        {ZCN_ENOBUFS, -3},
        {ZCN_EOPTION, -4},
        {ZCN_EBUSY, -5},
        {ZCN_ESTALE, -6},
        {ZCN_EFORKED, -7},
        {ZCN_EUNSUPPORTED, -8},
        {ZCN_EINTERNAL, -9},
        {ZCN_EFRAME_TOO_LARGE, -20},
        {ZCN_EFRAME_UNDERFLOW, -21},
        {ZCN_EFRAME_VARINT, -22},
        {ZCN_EFRAME_STRIP, -23},
        {ZCN_EFRAME_TRUNCATED, -24},
        {ZCN_EFRAME_SIZE, -25},
        {ZCN_EFRAME_VALUE, -26},
        {ZCN_EFRAME_DELIMITER, -27},
        {ZCN_EFRAME_MEASURE, -28},
        {ZCN_ECLOSED, -40},
        {ZCN_ETIMEDOUT, -41},
        {ZCN_ESYS, -42},
        {ZCN_ERESET, -43},
        {ZCN_EADDRESS, -44},
        {ZCN_EREFUSED, -45},
        {ZCN_EUNREACHABLE, -46},
        {ZCN_EINUSE, -47},
        {ZCN_ERESOLVE, -48},
        {ZCN_EACCESS, -49},
        {ZCN_ETRUNCATED, -50},
        {ZCN_EABORTED, -51},
    };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) assert_int_equal(values[i].value, values[i].pinned);
    assert_true(TABLE_SIZE >= sizeof values / sizeof *values);
}

static void test_status_unknown_values_have_answers_too(void **state) {
    (void)state;
    static const zcn_status unknown[] = {3, -10, -19, -29, -39, 100, -1000, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        assert_string_equal(zcn_status_name(unknown[i]), "ZCN_UNKNOWN");
        assert_non_null(zcn_status_text(unknown[i]));
        assert_true(strlen(zcn_status_text(unknown[i])) > 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_status_names_and_texts_are_the_tables),
        cmocka_unit_test(test_status_no_value_or_name_twice),
        cmocka_unit_test(test_status_values_are_pinned),
        cmocka_unit_test(test_status_unknown_values_have_answers_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
