########### AGGREGATED COMPONENTS AND DEPENDENCIES FOR THE MULTI CONFIG #####################
#############################################################################################

set(zcnet_COMPONENT_NAMES "")
if(DEFINED zcnet_FIND_DEPENDENCY_NAMES)
  list(APPEND zcnet_FIND_DEPENDENCY_NAMES )
  list(REMOVE_DUPLICATES zcnet_FIND_DEPENDENCY_NAMES)
else()
  set(zcnet_FIND_DEPENDENCY_NAMES )
endif()

########### VARIABLES #######################################################################
#############################################################################################
set(zcnet_PACKAGE_FOLDER_RELEASE "/tmp/b/conanhome/p/b/zcnet16b5df71de6ea/p")
set(zcnet_BUILD_MODULES_PATHS_RELEASE )


set(zcnet_INCLUDE_DIRS_RELEASE "${zcnet_PACKAGE_FOLDER_RELEASE}/include")
set(zcnet_RES_DIRS_RELEASE )
set(zcnet_DEFINITIONS_RELEASE )
set(zcnet_SHARED_LINK_FLAGS_RELEASE )
set(zcnet_EXE_LINK_FLAGS_RELEASE )
set(zcnet_OBJECTS_RELEASE )
set(zcnet_COMPILE_DEFINITIONS_RELEASE )
set(zcnet_COMPILE_OPTIONS_C_RELEASE )
set(zcnet_COMPILE_OPTIONS_CXX_RELEASE )
set(zcnet_LIB_DIRS_RELEASE "${zcnet_PACKAGE_FOLDER_RELEASE}/lib")
set(zcnet_BIN_DIRS_RELEASE )
set(zcnet_LIBRARY_TYPE_RELEASE STATIC)
set(zcnet_IS_HOST_WINDOWS_RELEASE 0)
set(zcnet_LIBS_RELEASE zcnet)
set(zcnet_SYSTEM_LIBS_RELEASE stdc++ m pthread)
set(zcnet_FRAMEWORK_DIRS_RELEASE )
set(zcnet_FRAMEWORKS_RELEASE )
set(zcnet_BUILD_DIRS_RELEASE )
set(zcnet_NO_SONAME_MODE_RELEASE FALSE)


# COMPOUND VARIABLES
set(zcnet_COMPILE_OPTIONS_RELEASE)
if (NOT "${zcnet_COMPILE_OPTIONS_CXX_RELEASE}" STREQUAL "")
    list(APPEND zcnet_COMPILE_OPTIONS_RELEASE
        "$<$<COMPILE_LANGUAGE:CXX>:${zcnet_COMPILE_OPTIONS_CXX_RELEASE}>")
endif ()
if (NOT "${zcnet_COMPILE_OPTIONS_C_RELEASE}" STREQUAL "")
    list(APPEND zcnet_COMPILE_OPTIONS_RELEASE
        "$<$<COMPILE_LANGUAGE:C>:${zcnet_COMPILE_OPTIONS_C_RELEASE}>")
endif ()
set(zcnet_LINKER_FLAGS_RELEASE)
if (NOT "${zcnet_SHARED_LINK_FLAGS_RELEASE}" STREQUAL "")
    list(APPEND zcnet_LINKER_FLAGS_RELEASE
        "$<$<OR:$<STREQUAL:$<TARGET_PROPERTY:TYPE>,SHARED_LIBRARY>,$<STREQUAL:$<TARGET_PROPERTY:TYPE>,MODULE_LIBRARY>>:${zcnet_SHARED_LINK_FLAGS_RELEASE}>")
endif ()
if (NOT "${zcnet_EXE_LINK_FLAGS_RELEASE}" STREQUAL "")
    list(APPEND zcnet_LINKER_FLAGS_RELEASE
        "$<$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>:${zcnet_EXE_LINK_FLAGS_RELEASE}>")
endif ()


set(zcnet_COMPONENTS_RELEASE )