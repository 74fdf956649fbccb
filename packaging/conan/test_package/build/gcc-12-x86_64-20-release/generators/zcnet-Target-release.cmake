# Avoid multiple calls to find_package to append duplicated properties to the targets
include_guard()########### VARIABLES #######################################################################
#############################################################################################
set(zcnet_FRAMEWORKS_FOUND_RELEASE "") # Will be filled later
conan_find_apple_frameworks(zcnet_FRAMEWORKS_FOUND_RELEASE "${zcnet_FRAMEWORKS_RELEASE}" "${zcnet_FRAMEWORK_DIRS_RELEASE}")

set(zcnet_LIBRARIES_TARGETS "") # Will be filled later


######## Create an interface target to contain all the dependencies (frameworks, system and conan deps)
if(NOT TARGET zcnet_DEPS_TARGET)
    add_library(zcnet_DEPS_TARGET INTERFACE IMPORTED)
endif()

set_property(TARGET zcnet_DEPS_TARGET
             APPEND PROPERTY INTERFACE_LINK_LIBRARIES
             $<$<CONFIG:Release>:${zcnet_FRAMEWORKS_FOUND_RELEASE}>
             $<$<CONFIG:Release>:${zcnet_SYSTEM_LIBS_RELEASE}>
             $<$<CONFIG:Release>:>)

####### Find the libraries declared in cpp_info.libs, create an IMPORTED target for each one and link the
####### zcnet_DEPS_TARGET to all of them
conan_package_library_targets("${zcnet_LIBS_RELEASE}"    # libraries
                              "${zcnet_LIB_DIRS_RELEASE}" # package_libdir
                              "${zcnet_BIN_DIRS_RELEASE}" # package_bindir
                              "${zcnet_LIBRARY_TYPE_RELEASE}"
                              "${zcnet_IS_HOST_WINDOWS_RELEASE}"
                              zcnet_DEPS_TARGET
                              zcnet_LIBRARIES_TARGETS  # out_libraries_targets
                              "_RELEASE"
                              "zcnet"    # package_name
                              "${zcnet_NO_SONAME_MODE_RELEASE}")  # soname

# FIXME: What is the result of this for multi-config? All configs adding themselves to path?
set(CMAKE_MODULE_PATH ${zcnet_BUILD_DIRS_RELEASE} ${CMAKE_MODULE_PATH})

########## GLOBAL TARGET PROPERTIES Release ########################################
    set_property(TARGET zcnet::zcnet
                 APPEND PROPERTY INTERFACE_LINK_LIBRARIES
                 $<$<CONFIG:Release>:${zcnet_OBJECTS_RELEASE}>
                 $<$<CONFIG:Release>:${zcnet_LIBRARIES_TARGETS}>
                 )

    if("${zcnet_LIBS_RELEASE}" STREQUAL "")
        # If the package is not declaring any "cpp_info.libs" the package deps, system libs,
        # frameworks etc are not linked to the imported targets and we need to do it to the
        # global target
        set_property(TARGET zcnet::zcnet
                     APPEND PROPERTY INTERFACE_LINK_LIBRARIES
                     zcnet_DEPS_TARGET)
    endif()

    set_property(TARGET zcnet::zcnet
                 APPEND PROPERTY INTERFACE_LINK_OPTIONS
                 $<$<CONFIG:Release>:${zcnet_LINKER_FLAGS_RELEASE}>)
    set_property(TARGET zcnet::zcnet
                 APPEND PROPERTY INTERFACE_INCLUDE_DIRECTORIES
                 $<$<CONFIG:Release>:${zcnet_INCLUDE_DIRS_RELEASE}>)
    # Necessary to find LINK shared libraries in Linux
    set_property(TARGET zcnet::zcnet
                 APPEND PROPERTY INTERFACE_LINK_DIRECTORIES
                 $<$<CONFIG:Release>:${zcnet_LIB_DIRS_RELEASE}>)
    set_property(TARGET zcnet::zcnet
                 APPEND PROPERTY INTERFACE_COMPILE_DEFINITIONS
                 $<$<CONFIG:Release>:${zcnet_COMPILE_DEFINITIONS_RELEASE}>)
    set_property(TARGET zcnet::zcnet
                 APPEND PROPERTY INTERFACE_COMPILE_OPTIONS
                 $<$<CONFIG:Release>:${zcnet_COMPILE_OPTIONS_RELEASE}>)

########## For the modules (FindXXX)
set(zcnet_LIBRARIES_RELEASE zcnet::zcnet)
