// SPDX-License-Identifier: MIT
//! Finds the library with pkg-config, or compiles it (feature `vendored`), and tells crates that depend on this one
//! where its headers are: DEP_ZCNET_INCLUDE, DEP_ZCNET_VERSION, and DEP_ZCNET_ROOT for a compiled one.

use std::env;
use std::path::Path;

fn is_set(name: &str) -> bool {
    println!("cargo:rerun-if-env-changed={}", name);
    env::var_os(name).map_or(false, |value| value != "0" && !value.is_empty())
}

/// The version in a folder of headers, as "0.1.0".
fn header_version(include: &Path) -> String {
    let path = include.join("zcnet/version.h");
    println!("cargo:rerun-if-changed={}", path.display());
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {}", path.display(), error));
    let part = |name: &str| {
        let define = format!("#define ZCN_VERSION_{} ", name);
        let rest = text.split(&define).nth(1).unwrap_or_else(|| panic!("{} lacks {}", path.display(), define));
        rest.split_whitespace().next().unwrap_or_default().to_owned()
    };
    format!("{}.{}.{}", part("MAJOR"), part("MINOR"), part("PATCH"))
}

fn find() {
    // The library only grows within a major version: one that is as new as these declarations has all of them.
    let crate_version = env::var("CARGO_PKG_VERSION").expect("cargo sets it");
    let major: u32 = env::var("CARGO_PKG_VERSION_MAJOR").expect("cargo sets it").parse().expect("a number");
    let next = format!("{}.0.0", major + 1);
    let found = pkg_config::Config::new().range_version(crate_version.as_str()..next.as_str()).probe("libzcnet");
    let library = found.unwrap_or_else(|error| {
        eprintln!("{}", error);
        eprintln!(
            "zcnet-sys: libzcnet was not found.\n\
             Install it (`make install` in its source folder, or the package libzcnet-dev), and where it has a \
             prefix of its own say so:\n    PKG_CONFIG_PATH=PREFIX/lib/pkgconfig\n\
             Or let this crate compile it: the feature `vendored`, or ZCNET_SYS_VENDORED=1."
        );
        std::process::exit(1);
    });
    println!("cargo:version={}", library.version);
    for path in &library.include_paths {
        println!("cargo:include={}", path.display());
    }
    // A prefix that the system's linker does not know: tests and examples of this workspace find it there.
    for path in &library.link_paths {
        println!("cargo:libdir={}", path.display());
    }
}

#[cfg(feature = "vendored")]
fn sources(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    println!("cargo:rerun-if-changed={}", folder.display());
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {}", folder.display(), error));
    for entry in entries {
        let path = entry.expect("an entry of the source folder").path();
        // The command-line tool is a program of its own.
        if path.is_dir() && !path.ends_with("tools") {
            sources(&path, found);
        } else if path.extension().map_or(false, |extension| extension == "cpp") {
            found.push(path);
        }
    }
}

#[cfg(feature = "vendored")]
fn compile() {
    let root = Path::new(&env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("vendor");
    let include = root.join("include");
    let mut files = Vec::new();
    sources(&root.join("src"), &mut files);
    files.sort();
    // Hidden symbols: a program may link another copy of the library too.
    cc::Build::new()
        .cpp(true)
        .std("c++20")
        .include(&include)
        .include(root.join("src"))
        .files(&files)
        .flag("-fvisibility=hidden")
        .flag("-fvisibility-inlines-hidden")
        .flag_if_supported("-fno-gnu-unique")
        .flag("-pthread")
        .define("ZCN_API", "")
        .warnings(false)
        .compile("zcnet");
    println!("cargo:rustc-link-lib=pthread");
    println!("cargo:include={}", include.display());
    println!("cargo:version={}", header_version(&include));
    println!("cargo:root={}", env::var("OUT_DIR").expect("cargo sets it"));
}

#[cfg(not(feature = "vendored"))]
fn compile() {
    eprintln!(
        "zcnet-sys: ZCNET_SYS_VENDORED is set, but the feature `vendored` is off; build with --features vendored"
    );
    std::process::exit(1);
}

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // Documentation is built where there is neither network nor library, and nothing is linked.
    if is_set("DOCS_RS") {
        return;
    }
    let forbidden = is_set("ZCNET_NO_VENDOR");
    let wanted = is_set("ZCNET_SYS_VENDORED") || cfg!(feature = "vendored");
    if wanted && !forbidden {
        compile();
    } else {
        find();
    }
    // What the declarations were written from has to be what is linked.
    let headers = Path::new(&env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("vendor/include");
    if headers.is_dir() {
        let crate_version = env::var("CARGO_PKG_VERSION").expect("cargo sets it");
        assert_eq!(header_version(&headers), crate_version, "the crate and the headers in it differ in version");
    }
}
