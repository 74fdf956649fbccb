# SPDX-License-Identifier: MIT
"""A recipe for the tree that it lies in: conan create packaging/conan"""
import os
import re

from conan import ConanFile
from conan.errors import ConanInvalidConfiguration
from conan.tools.build import check_min_cppstd
from conan.tools.cmake import CMake, CMakeToolchain, cmake_layout
from conan.tools.files import copy, load, rmdir

required_conan_version = ">=2.0"


# What building and installing needs of the tree.
SOURCES = ("CMakeLists.txt", "LICENSE", "bindings/cpp/include/*", "cmake/*", "include/*", "pkgconfig/*", "src/*",
           "tracing/*")


class Zcnet(ConanFile):
    name = "zcnet"
    description = "Zero-copy messages over TCP and Unix sockets"
    license = "MIT"
    topics = ("network", "zero-copy", "framing")
    package_type = "library"
    settings = "os", "arch", "compiler", "build_type"
    options = {"shared": [True, False], "tool": [True, False]}
    default_options = {"shared": False, "tool": False}

    @property
    def _tree(self):
        return os.path.join(self.recipe_folder, os.pardir, os.pardir)

    def set_version(self):
        header = load(self, os.path.join(self._tree, "include", "zcnet", "version.h"))
        self.version = ".".join(re.search(rf"ZCN_VERSION_{part} (\d+)", header)[1] for part in ("MAJOR", "MINOR", "PATCH"))

    def export_sources(self):
        for pattern in SOURCES:
            copy(self, pattern, self._tree, self.export_sources_folder)

    def validate(self):
        if self.settings.os != "Linux":
            raise ConanInvalidConfiguration("libzcnet runs on Linux only")
        if self.settings.arch in ("x86", "sparc", "ppc32", "ppc32be", "mips") or str(self.settings.arch).startswith("armv7"):
            raise ConanInvalidConfiguration("libzcnet is for 64-bit processors")
        if self.settings.get_safe("compiler.cppstd"):
            check_min_cppstd(self, 20)

    def layout(self):
        cmake_layout(self)

    def generate(self):
        toolchain = CMakeToolchain(self)
        toolchain.cache_variables["ZCNET_SHARED"] = bool(self.options.shared)
        toolchain.cache_variables["ZCNET_STATIC"] = not self.options.shared
        toolchain.cache_variables["ZCNET_TOOL"] = bool(self.options.tool)
        toolchain.cache_variables["ZCNET_MAN"] = False
        toolchain.generate()

    def build(self):
        cmake = CMake(self)
        cmake.configure()
        cmake.build()

    def package(self):
        copy(self, "LICENSE", self.source_folder, os.path.join(self.package_folder, "licenses"))
        CMake(self).install()
        # Conan writes these itself.
        rmdir(self, os.path.join(self.package_folder, "lib", "cmake"))
        rmdir(self, os.path.join(self.package_folder, "lib", "pkgconfig"))

    def package_info(self):
        self.cpp_info.set_property("cmake_file_name", "zcnet")
        self.cpp_info.set_property("cmake_target_name", "zcnet::zcnet")
        self.cpp_info.set_property("cmake_target_aliases", ["zcnet::shared" if self.options.shared else "zcnet::static"])
        self.cpp_info.set_property("pkg_config_name", "libzcnet")
        if not self.options.shared:
            self.cpp_info.set_property("pkg_config_aliases", ["libzcnet-static"])
        self.cpp_info.libs = ["zcnet"]
        if not self.options.shared:
            self.cpp_info.system_libs = ["stdc++", "m", "pthread"]
