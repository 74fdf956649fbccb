/* SPDX-License-Identifier: MIT */
#ifndef ZCNET_VERSION_H
#define ZCNET_VERSION_H
/* Versions: of the library that runs, and of the headers that a program was compiled with. They are written here and
   nowhere else: the build reads them. */
#include <zcnet/base.h>

#define ZCN_VERSION_MAJOR 0
#define ZCN_VERSION_MINOR 1
#define ZCN_VERSION_PATCH 0
#define ZCN_VERSION_NUMBER (ZCN_VERSION_MAJOR * 1000000 + ZCN_VERSION_MINOR * 1000 + ZCN_VERSION_PATCH)

ZCN_BEGIN_DECLS

/**
 * The version of the library that is running: major * 1000000 + minor * 1000 + patch.
 * Compare it with ZCN_VERSION_NUMBER, the version of the headers that the program was compiled with.
 *
 * @thread any thread
 * @since 0.1
 */
ZCN_API uint32_t zcn_version(void);

/**
 * The same as text, such as "0.1.0".
 *
 * @return a static string
 * @thread any thread
 * @since 0.1
 */
ZCN_API const char *zcn_version_text(void);

ZCN_END_DECLS

#endif
