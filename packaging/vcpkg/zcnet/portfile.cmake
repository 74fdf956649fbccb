# SPDX-License-Identifier: MIT
# An overlay port of the tree that it lies in: vcpkg install zcnet --overlay-ports=packaging/vcpkg
get_filename_component(SOURCE_PATH "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)

# One kind of library for a triplet; the headers are the same for both.
string(COMPARE EQUAL "${VCPKG_LIBRARY_LINKAGE}" dynamic ZCNET_SHARED)
string(COMPARE EQUAL "${VCPKG_LIBRARY_LINKAGE}" static ZCNET_STATIC)
vcpkg_check_features(OUT_FEATURE_OPTIONS FEATURE_OPTIONS FEATURES tool ZCNET_TOOL)

vcpkg_cmake_configure(
    SOURCE_PATH "${SOURCE_PATH}"
    OPTIONS
        -DZCNET_SHARED=${ZCNET_SHARED}
        -DZCNET_STATIC=${ZCNET_STATIC}
        -DZCNET_MAN=OFF
        -DZCNET_TESTS=OFF
        ${FEATURE_OPTIONS}
)
vcpkg_cmake_install()
vcpkg_cmake_config_fixup(CONFIG_PATH lib/cmake/zcnet)
vcpkg_fixup_pkgconfig()
if("tool" IN_LIST FEATURES)
    vcpkg_copy_tools(TOOL_NAMES zcnet AUTO_CLEAN)
endif()

file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/debug/include" "${CURRENT_PACKAGES_DIR}/debug/share")
file(INSTALL "${CMAKE_CURRENT_LIST_DIR}/usage" DESTINATION "${CURRENT_PACKAGES_DIR}/share/${PORT}")
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")
