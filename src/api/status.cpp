// SPDX-License-Identifier: MIT
// The C functions of zcnet/status.h and zcnet/version.h.
#include "zcnet/status.h"

#include "zcnet/version.h"

const char *zcn_status_name(zcn_status status) {
    switch (status) {
#define ZCN_STATUS_NAME(name, value, text) \
    case name:                             \
        return #name;
        ZCN_STATUS_TABLE(ZCN_STATUS_NAME)
#undef ZCN_STATUS_NAME
        default:
            return "ZCN_UNKNOWN";
    }
}

const char *zcn_status_text(zcn_status status) {
    switch (status) {
#define ZCN_STATUS_TEXT(name, value, text) \
    case name:                             \
        return text;
        ZCN_STATUS_TABLE(ZCN_STATUS_TEXT)
#undef ZCN_STATUS_TEXT
        default:
            return "this version of the library does not know that status";
    }
}

uint32_t zcn_version(void) { return ZCN_VERSION_NUMBER; }

#define ZCN_TEXT_OF(value) #value
#define ZCN_DOTTED(major, minor, patch) ZCN_TEXT_OF(major) "." ZCN_TEXT_OF(minor) "." ZCN_TEXT_OF(patch)

const char *zcn_version_text(void) { return ZCN_DOTTED(ZCN_VERSION_MAJOR, ZCN_VERSION_MINOR, ZCN_VERSION_PATCH); }
